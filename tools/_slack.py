"""Speaks with Slack for the commands: the bot's token comes from SSM and is never shown."""

from __future__ import annotations

from typing import Any

from tools._project import Problem, client

SIGNING_SECRET, BOT_TOKEN = "signing-secret", "bot-token"


def secret(prefix: str, name: str) -> str:
    """A secret as the functions read it. Raises Problem where there is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    from chalicelib.deploy.aws_errors import sentence
    from chalicelib.transport.errors import code_of

    path = f"{prefix}/{name}"
    try:
        found = client("ssm").get_parameter(Name=path, WithDecryption=True)
    except BotoCoreError as error:
        raise Problem(sentence(error)) from error
    except ClientError as error:
        code = code_of(error) or type(error).__name__
        if code != "ParameterNotFound":
            raise Problem(f"{path} cannot be read: {sentence(error)}") from error
        raise Problem(f"{path} cannot be read: {code}; run `python -m tools secrets`") from None
    return str(found["Parameter"]["Value"]).strip()


def call(token: str, api_url: str, method: str, **arguments: Any) -> dict[str, Any]:
    """Slack's answer, with the token's scopes as `scopes`. Raises Problem with Slack's error."""
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError, SlackClientError

    web = WebClient(token, base_url=api_url, timeout=5, retry_handlers=[])
    try:
        answer = web.api_call(method, json=arguments) if arguments else web.api_call(method)
    except SlackApiError as error:
        raise Problem(f"Slack: {_code(error)}") from None
    except (SlackClientError, OSError, ValueError) as error:
        raise Problem(f"Slack does not answer: {type(error).__name__}") from None
    headers = {name.lower(): value for name, value in dict(answer.headers).items()}
    data = answer.data if isinstance(answer.data, dict) else {}
    return data | {"scopes": str(headers.get("x-oauth-scopes", ""))}


def _code(error: Any) -> str:
    try:
        return str(error.response["error"])
    except (KeyError, TypeError):
        return "an answer that makes no sense"
