"""Who called: clients that are seldom an administrator's, and services that call as the person."""

import re
from functools import lru_cache

# Whole words: "kalix-runtime" is not "kali". Two that stand together count both.
STRANGE = (
    "kali", "parrot", "parrotos", "pentoo", "blackarch", "pacu", "scoutsuite", "scout suite",
    "scout2", "prowler", "stratus-red-team", "cloudfox", "cloudgoat", "trufflehog", "weirdaal",
    "curl", "wget", "libcurl", "sqlmap", "pmapper", "principalmapper", "cloudmapper",
    "enumerate-iam", "aws-nuke", "cloud-nuke", "python-requests", "python-urllib", "postman",
    "postmanruntime", "burp", "burpsuite", "s3 browser", "s3browser", "cyberduck", "rclone",
    "nmap", "metasploit", "nuclei", "insomnia", "aws-consoler", "bucket-finder",
    "s3scanner", "lazys3", "awspx", "endgame", "cloudbrute", "gitleaks", "leonidas",
    "powershell-empire", "httpie",
)  # fmt: skip
_ANY = "|".join(sorted(map(re.escape, STRANGE), key=len, reverse=True))
_WORD = re.compile(rf"(?<![a-z0-9])({_ANY})(?![a-z0-9])", re.IGNORECASE)
LONGEST = 4_000  # letters of a client's name that are looked at


def strange(agent: str) -> tuple[str, ...]:
    """The words in a client's name that an administrator's tools do not have."""
    found = _WORD.findall(agent[:LONGEST])
    return tuple(dict.fromkeys(word.lower() for word in found))


# Services whose own use of a key, or of a role, is part of what they were asked: a secret that is
# read with a key behind it is the secret's reading. Whoever else calls is the person's agent.
PLUMBING = frozenset({
    "AWS Internal", "acm", "apigateway", "appflow", "appsync", "athena", "autoscaling", "backup",
    "cloudtrail", "cloudwatch", "codeartifact", "codebuild", "codecommit", "codepipeline",
    "connect", "dax", "dms", "docdb", "ds", "dynamodb", "ebs", "ec2", "ecr", "eks",
    "elasticache", "elasticbeanstalk", "elasticfilesystem", "elasticmapreduce", "es", "events",
    "firehose", "fsx", "glacier", "glue", "guardduty", "kafka", "kinesis", "kinesisanalytics",
    "kinesisvideo", "lambda", "lex", "lightsail", "logs", "macie", "memorydb", "monitoring", "mq",
    "neptune", "opensearchservice", "qldb", "quicksight", "rds", "redshift", "redshift-serverless",
    "s3", "sagemaker", "secretsmanager", "ses", "sns", "snowball", "sqs", "ssm", "ssmmessages",
    "states", "storagegateway", "timestream", "transfer", "workmail", "workspaces", "xray",
    "aoss", "dsql", "s3express", "ssm-guiconnect", "cloudshell", "imagebuilder", "inspector2",
    "ram", "access-analyzer", "support", "trustedadvisor", "config", "securityhub", "kms",
})  # fmt: skip


@lru_cache(maxsize=1024)
def plumbing(by_service: str) -> bool:
    """Whether a service called a key or a role as part of its own work for the person.

    Some call by the name of a part of theirs: `prod.kms-caller.lambda.us-east-1`.
    """
    name = by_service.removesuffix(".amazonaws.com").removesuffix("-frontend-api")
    return name in PLUMBING or not PLUMBING.isdisjoint(name.split("."))
