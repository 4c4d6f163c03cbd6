"""Worth a look: which of a session's events a reader should see first, and why.

The rules are one table. Each names what it matches, how heavy that weighs, and the reason in
words. An event is judged by the first rule that matches; like events make one line.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.trail_events import Event

RESOURCES_SHOWN = 3
ADDRESSES_SHOWN = 3
OF_ONE_REASON = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """Matches an event's service and name, both as regular expressions for the whole word.

    `only` narrows it: "open" and "decrypted" are the hints of the event, "direct" means that no
    service called on the person's behalf, "write" that it is none of the reads.
    """

    weight: int
    service: str
    name: str
    why: str
    only: Literal["", "open", "decrypted", "direct", "write"] = ""


RULES = (
    # Who watches: switched off before anything else is done.
    Rule(100, "cloudtrail", "Stop.*|Delete.*|Update(Trail|EventDataStore|Channel)|Put.*Selectors",
         "logging changed"),
    Rule(100, "guardduty|securityhub|macie2?|inspector2?|detective|access-analyzer|config",
         "(Batch)?(Delete|Disable|Stop|Disassociate|Archive|Decline).*|Update(Detector|Member).*"
         "|(Create|Update)(Filter|IPSet|ArchiveRule|AutomationRule|FindingsFilter)"
         "|UpdateStandardsControl|UpdateMacieSession|UpdateSecurityHubConfiguration"
         "|Put(ConfigurationRecorder|DeliveryChannel|RetentionConfiguration)",
         "detection changed"),
    Rule(98, ".*", "(Delete|Put|Disassociate|Update).*(Logging|QueryLog|FlowLogs?).*",
         "logging changed"),
    Rule(95, "logs", "Delete(LogGroup|LogStream|SubscriptionFilter|MetricFilter|Destination"
         "|Delivery.*|DataProtectionPolicy)", "logs deleted"),
    Rule(90, "logs", "(Put|Delete)(RetentionPolicy|SubscriptionFilter)", "logging changed"),
    Rule(90, "monitoring", "DeleteAlarms|DisableAlarmActions|SetAlarmState|DeleteAnomalyDetector",
         "alarms switched off"),
    Rule(85, "events", "DeleteRule|DisableRule|RemoveTargets", "alarms switched off"),
    Rule(84, "wafv2?|waf-regional|shield|network-firewall|fms|bedrock",
         "(Delete|Disassociate|Disable)(WebACL|RuleGroup|IPSet|Rule|Protection.*|Firewall.*"
         "|Policy|Guardrail|ProactiveEngagement|Subscription)", "protection removed"),
    Rule(91, ".*", ".*", "opened to the world", "open"),
    # Ways back in.
    Rule(94, "iam", "CreateAccessKey|(Create|Update)LoginProfile|ChangePassword"
         "|(Create|Reset)ServiceSpecificCredential|UploadSSHPublicKey|UploadSigningCertificate"
         "|CreateVirtualMFADevice", "new credentials made"),
    Rule(93, "iam", "CreateUser|UpdateAssumeRolePolicy|Create(SAML|OpenIDConnect)Provider"
         "|Update(SAML|OpenIDConnect)Provider.*|DeactivateMFADevice|DeleteVirtualMFADevice",
         "who may come in changed"),
    Rule(92, "organizations|sso|sso-directory|identitystore|account|rolesanywhere", ".*",
         "who may come in changed", "write"),
    Rule(86, "ec2|lightsail", "(Create|Import)KeyPair", "new credentials made"),
    Rule(82, "appsync|apigateway|iot|transfer",
         "(Create|Import)(ApiKey|KeysAndCertificate|SshPublicKey)", "new credentials made"),
    # Open to all.
    Rule(88, "s3|s3-outposts|ec2|elasticmapreduce",
         "(Delete|Put|Disable)(Account|Bucket|Image|Snapshot)?(Block)?PublicAccess(Block)?.*",
         "public access block changed"),
    Rule(84, "ec2", "Modify(Snapshot|Image|FpgaImage)Attribute", "image or snapshot shared"),
    Rule(84, "rds", "ModifyDB(Cluster)?SnapshotAttribute", "image or snapshot shared"),
    # Permissions.
    Rule(90, "iam", "(?!Generate).*", "permissions changed", "write"),
    Rule(84, "ec2", "(Associate|Replace|Disassociate)IamInstanceProfile.*", "permissions changed"),
    Rule(84, "eks", ".*Access(Entry|Policy)|.*PodIdentityAssociation", "permissions changed",
         "write"),
    Rule(82, "kms", "PutKeyPolicy|CreateGrant|RetireGrant|RevokeGrant", "permissions changed",
         "direct"),
    Rule(82, "ram", ".*", "permissions changed", "write"),
    Rule(80, ".*", "(?!.*(Lifecycle|Scaling|Backup|Retention|Replication)Policy)"
         "(Batch)?(Put|Set|Delete|Add|Remove|Attach|Detach|Modify|Grant|Revoke)"
         ".*(Policy|Permissions?|Acl)(20\\d{6}(v\\d)?)?", "permissions changed"),
    Rule(74, "ec2", "(Authorize|Revoke|Modify)SecurityGroup.*|.*NetworkAcl.*",
         "network rules changed", "write"),
    Rule(74, "rds|redshift|elasticache", "(Authorize|Revoke).*SecurityGroup.*",
         "network rules changed"),
    Rule(67, "s3", "(Put|Delete)Bucket(Lifecycle.*|Versioning|Encryption|Replication"
         "|OwnershipControls|Website|Cors)", "a bucket's safeguards changed"),
    Rule(67, "ec2|kms", "DisableEbsEncryptionByDefault|DisableKeyRotation",
         "encryption weakened"),
    # Secrets.
    Rule(87, "secretsmanager", "(Batch)?GetSecretValue", "secret read"),
    Rule(86, "ssm", "GetParameters?(ByPath)?|GetParameterHistory", "secret parameter read",
         "decrypted"),
    Rule(60, "ssm", "GetParameters?(ByPath)?|GetParameterHistory", "parameter read"),
    Rule(72, "kms", "Decrypt|ReEncrypt.*", "decrypted by hand, not by a service", "direct"),
    Rule(85, "ec2", "GetPasswordData", "secret read"),
    Rule(85, "lightsail", "DownloadDefaultKeyPair|GetInstanceAccessDetails", "secret read"),
    Rule(84, "redshift.*", "Get(ClusterCredentials.*|Credentials)", "secret read"),
    Rule(70, "secretsmanager", ".*", "secret changed", "write"),
    # Into machines.
    Rule(83, "ssm", "StartSession|ResumeSession|SendCommand|StartAutomationExecution"
         "|(Create|Update)Association.*", "commands run on machines"),
    Rule(83, "ec2-instance-connect", "Send.*PublicKey|OpenTunnel", "commands run on machines"),
    Rule(83, "ec2", "EnableSerialConsoleAccess", "commands run on machines"),
    Rule(83, "ecs", "ExecuteCommand", "commands run on machines"),
    Rule(68, "lambda", "Update(Function)?Code.*|PublishLayerVersion.*", "code replaced"),
    # Other identities.
    Rule(78, "sts", "AssumeRoot", "took on an account's root"),
    Rule(76, "sts", "AssumeRole|Get(FederationToken|SessionToken|DelegatedAccessToken)",
         "took on another identity", "direct"),
    Rule(76, "cognito-identity", "GetCredentialsForIdentity", "took on another identity"),
    Rule(76, "signin", "SwitchRole", "took on another identity"),
    # Gone for good.
    Rule(89, "kms", "ScheduleKeyDeletion|DisableKey|DeleteImportedKeyMaterial", "key destroyed"),
    Rule(79, ".*", "Delete(DB.*|Table|Bucket|(Global)?Cluster.*|.*Domain|ReplicationGroup"
         "|FileSystem|Volume|Snapshot|Backup.*|Vault|Stack|HostedZone|Function.*|Repository|Queue"
         "|Topic|Stream|Secret|RecoveryPoint)", "deleted"),
    Rule(79, "ec2", "TerminateInstances", "deleted"),
    Rule(66, "(?!cloudshell).*",
         "(?!.*(Tags?|Message|Messages|MessageBatch)$)(Batch)?(Delete|Terminate|Destroy|Purge"
         "|Deregister|Erase).*", "deleted"),
    Rule(45, "cloudshell", "CreateSession|GetFile.*Urls", "worked in the console's own shell"),
)  # fmt: skip

SIGN_IN_FAILED, SIGN_IN_FAILED_WEIGHT = "sign-in failed", 58
REFUSED, REFUSED_WEIGHT = "refused", 56
CHANGED, CHANGED_WEIGHT = "changed", 30
ELSEWHERE, ELSEWHERE_WEIGHT = "from an address that did not sign in to the portal", 71
STRANGE_CLIENT, STRANGE_WEIGHT = "unusual client", 77
STRANGE_AGENTS = re.compile(
    r"kali|parrot|pentoo|pacu|scoutsuite|prowler|stratus|cloudfox|trufflehog|weirdaal|curl/|sqlmap"
    r"|pmapper|cloudmapper|enumerate-iam|aws-nuke|python-requests|postman|burp|s3 browser|rclone",
    re.IGNORECASE,
)

_COMPILED = tuple(
    (rule, re.compile(rule.service).fullmatch, re.compile(rule.name).fullmatch) for rule in RULES
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """One line of *worth a look*: like events, when they were, on what, and why to look."""

    weight: int
    why: str
    what: str  # "service:Name", or the address or client
    count: int
    first: datetime | None
    last: datetime | None
    resources: tuple[str, ...] = ()
    more_resources: int = 0
    error: str = ""
    via: str = ""
    by_service: str = ""
    new: int = 0  # how many of them an earlier report did not have


def judge(event: Event) -> tuple[int, str]:
    """How heavy an event weighs, and why; (0, "") where nothing is to be said."""
    if event.place == "portal":
        return (SIGN_IN_FAILED_WEIGHT, SIGN_IN_FAILED) if event.failed else (0, "")
    if event.detail == "dry":
        return 0, ""
    for rule, service, name in _COMPILED:
        if not (name(event.name) and service(event.service)):
            continue
        if event.read_only and rule.only in ("open", "write"):
            continue
        if rule.only in ("open", "decrypted") and event.detail != rule.only:
            continue
        if rule.only == "direct" and event.by_service:
            continue
        if event.failed and not event.refused:
            return rule.weight // 3, f"attempt failed – {rule.why}"
        if event.refused:
            return max(rule.weight - 15, REFUSED_WEIGHT), f"attempt refused – {rule.why}"
        return rule.weight, rule.why
    if event.failed and event.sign_in:
        return SIGN_IN_FAILED_WEIGHT, SIGN_IN_FAILED
    if event.refused:
        return REFUSED_WEIGHT, REFUSED
    if event.change:
        return CHANGED_WEIGHT, CHANGED
    return 0, ""


def worth_a_look(events: Iterable[Event]) -> tuple[Worth, ...]:
    """What is new first, then the heaviest; of equal weight, the earlier first."""
    verdicts: dict[tuple[str | bool, ...], tuple[int, str]] = {}
    groups: dict[tuple[str | int, ...], list[Event]] = {}
    addresses: dict[str, list[Event]] = {}
    signed_in: set[str] = set()
    strange: dict[str, list[Event]] = {}
    for event in events:
        traits = _traits(event)
        if traits not in verdicts:
            verdicts[traits] = judge(event)
        weight, why = verdicts[traits]
        if weight:
            like = (weight, why, event.source, event.name, event.error, event.via, event.by_service)
            groups.setdefault(like, []).append(event)
        if event.by_service or not event.address:
            continue
        if event.place == "portal":
            signed_in.add(event.address)
        elif event.address != "AWS Internal":
            addresses.setdefault(event.address, []).append(event)
        if tool := STRANGE_AGENTS.search(event.agent):
            strange.setdefault(tool.group().lower(), []).append(event)
    found = [_line(group, *verdicts[_traits(group[0])]) for group in groups.values()]
    elsewhere = {a: group for a, group in addresses.items() if signed_in and a not in signed_in}
    busiest = sorted(elsewhere, key=lambda address: (-len(elsewhere[address]), address))
    for address in busiest[:ADDRESSES_SHOWN]:
        found.append(_whence(elsewhere[address], ELSEWHERE_WEIGHT, ELSEWHERE, address))
    if rest := busiest[ADDRESSES_SHOWN:]:
        group = [event for address in rest for event in elsewhere[address]]
        found.append(_whence(group, ELSEWHERE_WEIGHT, ELSEWHERE, f"{len(rest)} more addresses"))
    for group in strange.values():
        found.append(_whence(group, STRANGE_WEIGHT, STRANGE_CLIENT, group[0].agent))
    found.sort(key=_rank)
    return _spread(found)


def _spread(ranked: list[Worth]) -> tuple[Worth, ...]:
    """The same order, but whatever is the sixth line of its reason stands behind all others."""
    seen: Counter[str] = Counter()
    first: list[Worth] = []
    rest: list[Worth] = []
    for worth in ranked:
        seen[worth.why] += 1
        (first if seen[worth.why] <= OF_ONE_REASON else rest).append(worth)
    return (*first, *rest)


def _rank(worth: Worth) -> tuple[object, ...]:
    return not worth.new, -worth.weight, worth.first.timestamp() if worth.first else 0, worth.what


def _traits(event: Event) -> tuple[str | bool, ...]:
    """What a verdict depends on, so that each is reached once."""
    return (event.place, event.source, event.name, event.detail, event.error, event.read_only,
            event.by_service)  # fmt: skip


def _line(group: list[Event], weight: int, why: str) -> Worth:
    one = group[0]
    resources = tuple(dict.fromkeys(event.resource for event in group if event.resource))
    first, last = _span(group)
    return Worth(
        weight=weight,
        why=why,
        what=f"{one.service}:{one.name}",
        count=len(group),
        first=first,
        last=last,
        resources=resources[:RESOURCES_SHOWN],
        more_resources=max(0, len(resources) - RESOURCES_SHOWN),
        error=one.error,
        via=one.via,
        by_service=one.by_service,
        new=sum(event.new for event in group),
    )


def _whence(group: list[Event], weight: int, why: str, what: str) -> Worth:
    first, last = _span(group)
    new = sum(event.new for event in group)
    return Worth(
        weight=weight, why=why, what=what, count=len(group), first=first, last=last, new=new
    )


def _span(group: list[Event]) -> tuple[datetime | None, datetime | None]:
    times = [event.time for event in group if event.time]
    return min(times, default=None), max(times, default=None)
