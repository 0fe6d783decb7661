"""boto3 and the AWS CLI in one process: reads calls as lines of JSON, answers each with one line.

A call is {"client", "profile", "service", "operation", "input"}; bytes in the input are {"$bytes": base64}. Its outcome is {"answer"} or
{"error": {"code", "message"}}, with {"raw": {"status", "headers", "body"}}, the last HTTP answer (body in base64), or {"failure": text} when the
client itself gave up. Credentials, region, endpoint and `parameter_validation = false` come from the AWS configuration files of the environment.
"""

import base64
import contextlib
import datetime
import io
import json
import pathlib
import re
import sys
import tempfile
import traceback

import awscli.clidriver
import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

scratch = pathlib.Path(tempfile.mkdtemp(prefix="cloister-cli-"))
# The AWS CLI carries a botocore of its own; the files it has read serve every driver.
loader = awscli.clidriver.create_clidriver().session.get_component("data_loader")
boto3_clients = {}
raw = None


def record(response_dict, **_):
    global raw
    body = response_dict.get("body")
    # A streamed body is its reader's; the answer holds it.
    held = base64.b64encode(body).decode() if isinstance(body, bytes) else None
    raw = {"status": response_dict["status_code"], "headers": dict(response_dict["headers"]), "body": held}


def with_bytes(value):
    if isinstance(value, dict):
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {key: with_bytes(item) for key, item in value.items()}
    return [with_bytes(item) for item in value] if isinstance(value, list) else value


def printable(value):
    if isinstance(value, StreamingBody):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, dict):
        return {key: printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable(item) for item in value]
    # What is left and iterable is a stream of events.
    return value if value is None or isinstance(value, (str, int, float, bool)) else [printable(event) for event in value]


def boto3_client(service, profile):
    if (service, profile) not in boto3_clients:
        session = boto3.Session(profile_name=profile)
        session._session.register("before-parse", record)
        boto3_clients[service, profile] = session.client(service, config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
    return boto3_clients[service, profile]


def call_boto3(call):
    client = boto3_client(call["service"], call["profile"])
    try:
        answer = getattr(client, xform_name(call["operation"]))(**with_bytes(call["input"]))
    except ClientError as error:
        return {"error": {"code": error.response["Error"]["Code"], "message": error.response["Error"].get("Message", "")}}
    answer.pop("ResponseMetadata", None)
    return {"answer": printable(answer)}


def cli_arguments(members, streams):
    """The input as the command line takes it: bytes from files, everything else as --cli-input-json, which commands that write a file do not have."""
    rest, flags = {}, []
    for name, value in members.items():
        holder, inner = (value, None) if not isinstance(value, dict) or "ZipFile" not in value else (value["ZipFile"], "ZipFile")
        if not isinstance(holder, bytes):
            rest[name] = value
            continue
        path = scratch / f"{name}-{inner}"
        path.write_bytes(holder)
        # This one is the name of a file in itself.
        flags += [f"--{'zip-file' if inner else xform_name(name, '-')}", str(path) if name == "InvokeArgs" else f"fileb://{path}"]
        beside = {key: item for key, item in value.items() if key != inner} if inner else {}
        if beside:
            flags += [f"--{xform_name(name, '-')}", json.dumps(beside)]
    if not streams:
        return ["--cli-input-json", json.dumps(rest), *flags]
    texts = {xform_name(name, "-"): value if isinstance(value, str) else json.dumps(value) for name, value in rest.items()}
    return [*(part for name, value in texts.items() for part in (f"--{name}", value)), *flags]


def call_cli(call):
    # A driver for each call, as each call is a process of its own for users: it remembers the input of the call before.
    driver = awscli.clidriver.create_clidriver()
    driver.session.register_component("data_loader", loader)
    driver.session.register("before-parse", record)
    model = loader.load_service_model(call["service"], "service-2")
    output = model["shapes"].get(model["operations"][call["operation"]].get("output", {}).get("shape"), {})
    payload = output.get("payload")
    streams = payload is not None and model["shapes"][output["members"][payload]["shape"]]["type"] == "blob"
    outfile = scratch / "outfile"
    outfile.unlink(missing_ok=True)
    arguments = [call["service"], xform_name(call["operation"], "-"), *cli_arguments(with_bytes(call["input"]), streams)]
    printed, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complaint):
        try:
            status = driver.main(["--profile", call["profile"], "--output", "json", "--no-paginate", *arguments, *([str(outfile)] if streams else [])])
        except SystemExit as ended:
            status = ended.code
    if status == 0:
        answer = json.loads(printed.getvalue() or "{}")
        return {"answer": {**answer, payload: outfile.read_bytes().decode("utf-8", "backslashreplace")} if streams else answer}
    text = complaint.getvalue().strip()
    shown = re.match(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: ?(.*?)(?:\n\nAdditional error details:.*)?\Z", text, re.S)
    return {"error": {"code": shown[1], "message": shown[2]}} if shown else {"failure": f"aws {' '.join(arguments[:2])} ended with {status}: {text}"}


def serve(line):
    global raw
    raw = None
    call = json.loads(line)
    try:
        outcome = call_boto3(call) if call["client"] == "boto3" else call_cli(call)
    except BaseException:
        outcome = {"failure": traceback.format_exc()}
    return {**outcome, "raw": raw}


if __name__ == "__main__":
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        answers.write(json.dumps(serve(line)) + "\n")
        answers.flush()
