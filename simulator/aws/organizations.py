"""Gap: MiniStack's organisation has accounts of its own numbering; here it has the company's."""

from __future__ import annotations

from ministack.services import organizations

from simulator.company import ACCOUNTS, OWNER

_ensure = organizations._ensure_org


def patch() -> None:
    organizations._ensure_org = _with_ours


def _with_ours() -> None:
    _ensure()
    organizations._orgs["self"]["MasterAccountId"] = OWNER
    home = next(iter(organizations._accounts.values()))
    for account_id, name in ACCOUNTS.items():
        if account_id not in organizations._accounts:
            arn = f"{home['Arn'].rpartition('/')[0]}/{account_id}"
            email = f"aws+{account_id}@example.com"
            ours = {"Id": account_id, "Arn": arn, "Name": name, "Email": email}
            organizations._accounts[account_id] = {**home, **ours, "JoinedMethod": "CREATED"}
