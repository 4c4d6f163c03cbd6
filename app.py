"""Break Glass on AWS Chalice: the Slack route, stream, queue worker, sweep and reconciliation.

Handlers only: parse, call, answer. What they call is in chalicelib.
"""

import os
from datetime import timedelta
from typing import Any

from chalice import Chalice
from chalice.app import CloudWatchEvent, DynamoDBEvent, Response, SQSEvent

from chalicelib import wiring

BODIES = ["application/x-www-form-urlencoded", "application/json"]
SEES_THROUGH = timedelta(seconds=20)  # what a side that may be alone waits for in place
SWEEP_LEAVES = timedelta(seconds=10)  # no new session so close to the end of the invocation
WORKERS = wiring.WORKERS
SWEEP_AT_MOST = 500  # sessions in one sweep; the next one comes in a minute

app = Chalice(app_name="break-glass")
STREAM_ARN = "not-deployed"  # only chalice asks for it
if os.environ.get("AWS_CHALICE_CLI_MODE") == "true":  # in Lambda nothing of deploy/ is imported
    from chalicelib.deploy import deployment

    STREAM_ARN = deployment.stream_arn()  # creates table and queues, under `chalice deploy` only
    WORKERS = deployment.workers(WORKERS)
QUEUE = wiring.variable("BREAK_GLASS_QUEUE")  # by now the stage's own


@app.route("/slack", methods=["POST"], content_types=BODIES)
def slack() -> Response:
    request = app.current_request
    answer = wiring.front().answer(request.headers, request.raw_body)
    return Response(body=answer.body, status_code=answer.status)


@app.on_dynamodb_record(stream_arn=STREAM_ARN)
def stream(event: DynamoDBEvent) -> Any:
    return wiring.stream().follow(event.to_dict()["Records"], _remaining(event), SEES_THROUGH)


@app.on_sqs_message(queue=QUEUE, batch_size=1, maximum_concurrency=WORKERS)
def worker(event: SQSEvent) -> Any:
    return wiring.worker().work_through(event.to_dict()["Records"], _remaining(event))


@app.schedule("rate(1 minute)")
def sweep(event: CloudWatchEvent) -> None:
    wiring.sweep().once(_remaining(event), SWEEP_LEAVES, SWEEP_AT_MOST, SEES_THROUGH)


@app.schedule("rate(1 hour)")
def reconcile(event: CloudWatchEvent) -> None:
    wiring.reconciler().run()


def _remaining(event: Any) -> Any:
    """How long this invocation may still live, asked anew each time."""
    return lambda: timedelta(milliseconds=event.context.get_remaining_time_in_millis())
