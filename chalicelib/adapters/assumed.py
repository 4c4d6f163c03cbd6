"""Clients of another account, by a role that is assumed there."""

from typing import Any

from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.session import Session

NAME = "break-glass"  # of the role's session: what the other account's own trail calls us


class Assumed:
    """boto3's `client`, with the role's credentials: asked for on first use, renewed in time.

    `session` is botocore's, whose credentials may assume the role. A client raises ClientError, of
    the operation AssumeRole, where the role cannot be assumed.
    """

    def __init__(self, session: Session, role: str, external_id: str) -> None:
        def creator(service: str = "sts", **settings: Any) -> Any:
            return session.create_client(service, config=_CONFIG, **settings)

        fetcher = AssumeRoleCredentialFetcher(
            creator,
            session.get_credentials(),
            role,
            extra_args={"RoleSessionName": NAME, "ExternalId": external_id},
        )
        self._session = Session()
        self._session._credentials = DeferredRefreshableCredentials(  # as boto3's own guide has it
            fetcher.fetch_credentials, "assume-role"
        )
        self._region = session.get_config_variable("region")

    def client(self, service: str, **settings: Any) -> Any:
        """A client of that service, with the assumed role's credentials."""
        settings["region_name"] = settings.get("region_name") or self._region
        return self._session.create_client(service, **settings)


_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
