"""Who is on call, kept in memory. See oncall.Lists."""

from dataclasses import dataclass, field

from chalicelib.domain.errors import ExternalError
from chalicelib.domain.oncall import OnCall


@dataclass
class KeptLists:
    """The lists by group; `trouble` is raised instead, while it is set."""

    kept: dict[str, OnCall] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    trouble: ExternalError | None = None

    def read(self, group: str) -> OnCall | None:
        self.reads.append(group)
        if self.trouble:
            raise self.trouble
        return self.kept.get(group)

    def keep(self, heard: OnCall) -> None:
        if self.trouble:
            raise self.trouble
        self.kept[heard.id] = heard
