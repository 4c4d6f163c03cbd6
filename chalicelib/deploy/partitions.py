"""AWS's partitions that Break Glass runs in, and what is written differently in each."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.text import clean

if TYPE_CHECKING:
    from chalicelib.config.settings import Settings

SUFFIXES: Final = {  # of the addresses that services have there
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-us-gov": "amazonaws.com",
}
WRITTEN: Final = "arn:aws:"  # in .chalice/policy-*.json
BY_CLOUDFORMATION: Final = "${AWS::Partition}"


def partition_of(region: str | None) -> str:
    """The Region's partition, by botocore's word; empty where it does not know the Region."""
    from botocore.exceptions import UnknownRegionError
    from botocore.session import get_session

    try:
        return str(get_session().get_partition_for_region(region)) if region else ""
    except UnknownRegionError:
        return ""


def mistakes(region: str | None, known: "Settings | None") -> list[str]:
    """Why it cannot be deployed in that Region: the partition, or ARNs of another one."""
    partition = partition_of(region)
    if not region:
        return ["no Region: set AWS_DEFAULT_REGION to Identity Center's own"]
    if partition not in SUFFIXES:
        where = f"the partition {partition}" if partition else "no partition that is known"
        said = f"the Region {clean(region, 60)} is in {where}: Break Glass runs in "
        return [said + f"{', '.join(SUFFIXES)} alone, where its service addresses are known"]
    return [
        f"{name}: {arn} is of another partition; in {region} it begins with arn:{partition}:"
        for name, arn in (_arns(known) if known else ())
        if arn.startswith("arn:") and arn.split(":")[1] != partition
    ]


def _arns(known: "Settings") -> Iterable[tuple[str, str]]:
    yield "identity_center_instance", known.instance_arn
    yield "trail", known.trail
    yield "trail_role", known.trail_role
    yield "alarm_to", known.alarm_to
    for glass in known.glasses.values():
        yield f"[glass.{glass.name}] permission_set", glass.permission_set
        yield f"[glass.{glass.name}] tell_to", glass.tell_to


def fitted(value: Any, partition: str) -> Any:
    """A policy document with its ARNs in that partition; CloudFormation puts in its own."""
    if isinstance(value, Mapping):
        return {key: fitted(each, partition) for key, each in value.items()}
    if isinstance(value, list):
        return [fitted(each, partition) for each in value]
    if not isinstance(value, str) or not value.startswith(WRITTEN):
        return value
    moved = f"arn:{partition}:{value.removeprefix(WRITTEN)}"
    return {"Fn::Sub": moved} if partition == BY_CLOUDFORMATION else moved


def install(partition: str) -> None:
    """Has Chalice, in this process, put each function's policy into that partition."""
    from chalice.deploy.deployer import PolicyGenerator

    read = PolicyGenerator._read_document_from_file

    def in_partition(self: Any, filename: str) -> Any:
        return fitted(read(self, filename), partition)

    PolicyGenerator._read_document_from_file = in_partition
