"""What the adapters' tests share."""

from typing import Any

import boto3
import pytest


@pytest.fixture(scope="session")
def session() -> Any:
    """Credentials that open nothing."""
    return boto3.Session(
        aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="example", region_name="eu-west-1"
    )
