"""What `chalice deploy` does before it deploys: checks the settings, makes table and queues.

Chalice creates neither, and wants the stream's ARN when app.py is imported. So app.py asks here;
under any command but `deploy`, and in Lambda, the answer is a placeholder and nothing is called.
"""

import os

PLACEHOLDER = "arn:aws:dynamodb:us-east-1:000000000000:table/break-glass/stream/not-deployed"


def stream_arn() -> str:
    """The stream of the table, which exists afterwards where this is a deployment."""
    if not deploying():
        return PLACEHOLDER
    import boto3
    import click

    from chalicelib import schema, settings
    from chalicelib.infrastructure import ensure_queue

    try:
        known = settings.load(os.environ)
    except settings.Wrong as wrong:
        mistakes = "\n".join(f"  - {mistake}" for mistake in wrong.mistakes)
        raise click.ClickException(f"nothing was deployed:\n{mistakes}") from None
    ensure_queue(boto3.client("sqs"), known.queue)
    return schema.ensure(boto3.client("dynamodb"), known.table)


def deploying() -> bool:
    """Whether this is an import by `chalice deploy`."""
    if os.environ.get("AWS_CHALICE_CLI_MODE") != "true":
        return False
    import click

    context = click.get_current_context(silent=True)
    return context is not None and context.info_name == "deploy"
