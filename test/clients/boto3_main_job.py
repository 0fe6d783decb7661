"""Does the main job with boto3 and prints what came out as one JSON object. Argument: a directory with the archives."""

import base64
import json
import pathlib
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

archives = pathlib.Path(sys.argv[1])
client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
role = "arn:aws:iam::123456789012:role/test"


def archive(name):
    return (archives / f"{name}.zip").read_bytes()


def invoke(name, payload, **options):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload), LogType="Tail", **options)
    return {
        "status": answer["StatusCode"],
        "error": answer.get("FunctionError"),
        "version": answer.get("ExecutedVersion"),
        "log": base64.b64decode(answer["LogResult"]).decode(),
        "value": json.loads(answer["Payload"].read()),
    }


def error_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return {
            "class": type(error).__name__,
            "code": error.response["Error"]["Code"],
            "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
        }
    return None


facts = {"invoked": {}}
for name, runtime in (("node", "nodejs24.x"), ("python", "python3.13"), ("shell", "provided.al2023")):
    client.create_function(
        FunctionName=name, Runtime=runtime, Handler="index.handler", Role=role, Timeout=20, Code={"ZipFile": archive(name)}
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    facts["invoked"][name] = invoke(name, {"word": "garden"})

facts["failed"] = invoke("python", {"fail": True})
facts["published"] = client.publish_version(FunctionName="node")["Version"]
client.update_function_code(FunctionName="node", ZipFile=archive("nodeChanged"))
client.get_waiter("function_updated_v2").wait(FunctionName="node", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
facts["latest"] = invoke("node", {})
facts["qualified"] = invoke("node", {}, Qualifier="1")

layer = client.publish_layer_version(LayerName="greeting", Content={"ZipFile": archive("layer")})
facts["layer"] = layer["LayerVersionArn"]
client.update_function_configuration(FunctionName="node", Layers=[layer["LayerVersionArn"]], Environment={"Variables": {"STAGE": "test"}})
client.get_waiter("function_updated_v2").wait(FunctionName="node", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
facts["configured"] = invoke("node", {})

pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
facts["pages"] = [[each["FunctionName"] for each in page["Functions"]] for page in pages]
facts["dryRun"] = client.invoke(FunctionName="node", InvocationType="DryRun")["StatusCode"]

wrong = boto3.client("lambda", aws_secret_access_key="x" * 40, aws_access_key_id=boto3.Session().get_credentials().access_key)
facts["wrongSecret"] = error_of(wrong.list_functions)

client.delete_function(FunctionName="shell")
facts["deleted"] = error_of(client.get_function, FunctionName="shell")
print(json.dumps(facts))
