"""Where the organisation's trail is: here, in another account's log group, or in its bucket.

Of a group that is linked there is no role: /trail of the control says whose are.

In an organisation like most it is in another account and Region than Identity Center. The role to
read it by is made there from the template that ships with the documents.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from simulator import company

HERE, ELSEWHERE, LINKED, BUCKET = "here", "elsewhere", "linked", "bucket"
STREAM = f"{company.HOME_ACCOUNT}_CloudTrail_{company.REGION}"
ROLE = f"arn:aws:iam::{company.ARCHIVE_ACCOUNT}:role/break-glass-trail"
GROUP = (
    f"arn:aws:logs:{company.ARCHIVE_REGION}:{company.ARCHIVE_ACCOUNT}:log-group:{company.TRAIL}:*"
)
TEMPLATES = Path(__file__).parents[1] / "docs"

Seen = list[tuple[float, dict[str, Any]]]  # epoch seconds, and what CloudTrail says
Client = Callable[..., Any]  # by service, account and region


@dataclass(frozen=True)
class Place:
    """One of the four: how it is made, written to, and named in the settings."""

    name: str
    client: Client

    @property
    def owner(self) -> str:
        """Whose Identity Center is: where the trail is elsewhere, our account is its delegate."""
        return company.HOME_ACCOUNT if self.name == HERE else company.MANAGEMENT

    def settings(self) -> str:
        if self.name == HERE:
            return f'cloudtrail_log_group = "{company.TRAIL}"\n'
        if self.name == LINKED:
            return f'trail = "{GROUP}"\n'
        trail = GROUP if self.name == ELSEWHERE else f"s3://{company.BUCKET}/o-prefix"
        return f'trail = "{trail}"\ntrail_role = "{ROLE}"\ntrail_external_id = "4711"\n'

    def make(self, seen: Seen) -> None:
        """The trail, and what it has had so far."""
        if self.name == BUCKET:
            there = self._there("s3")
            where = {"LocationConstraint": company.ARCHIVE_REGION}
            there.create_bucket(Bucket=company.BUCKET, CreateBucketConfiguration=where)
            key = self._there("kms").create_key()["KeyMetadata"]["Arn"]
            rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
            there.put_bucket_encryption(
                Bucket=company.BUCKET,
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": rule}]
                },
            )
            self._make_role("trail-role-s3.yaml", Bucket=company.BUCKET, Key=key)
        else:
            logs = self._logs()
            logs.create_log_group(logGroupName=company.TRAIL)
            logs.create_log_stream(logGroupName=company.TRAIL, logStreamName=STREAM)
        if self.name == ELSEWHERE:
            self._make_role("trail-role-logs.yaml", LogGroup=company.TRAIL)
        self.put(seen)

    def put(self, seen: Seen) -> None:
        """As CloudTrail delivers: to a log group record by record, to a bucket in objects."""
        if self.name != BUCKET:
            events = [{"timestamp": int(at * 1000), "message": json.dumps(each)}
                      for at, each in seen]  # fmt: skip
            self._logs().put_log_events(
                logGroupName=company.TRAIL, logStreamName=STREAM, logEvents=events
            )
            return
        records = sorted((each for _, each in seen), key=_folder)
        for folder, found in groupby(records, _folder):
            account, _, region = folder.split("/")
            now = time.gmtime()
            name = f"{account}_CloudTrail_{region}_{time.strftime('%Y%m%dT%H%MZ', now)}"
            day = time.strftime("%Y/%m/%d", now)
            self._there("s3").put_object(
                Bucket=company.BUCKET,
                Key=f"o-prefix/AWSLogs/{company.ORGANISATION}/{folder}/{day}/"
                f"{name}_{time.time_ns()}.json.gz",
                Body=gzip.compress(json.dumps({"Records": list(found)}).encode()),
            )

    def _logs(self) -> Any:
        return self.client("logs") if self.name == HERE else self._there("logs")

    def _there(self, service: str) -> Any:
        return self.client(service, company.ARCHIVE_ACCOUNT, company.ARCHIVE_REGION)

    def _make_role(self, template: str, **parameters: str) -> None:
        given = {
            "BreakGlassAccount": company.HOME_ACCOUNT,
            "ExternalId": "4711",
            **parameters,
        }
        self._there("cloudformation").create_stack(
            StackName="break-glass-trail",
            TemplateBody=(TEMPLATES / template).read_text(),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
            ],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )


def _folder(record: dict[str, Any]) -> str:
    return f"{record['recipientAccountId']}/CloudTrail/{record['awsRegion']}"
