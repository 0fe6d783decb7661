"""Invokes the function `stream` with InvokeWithResponseStream once per event given, and prints what came when, as JSON: a list of events with seconds."""

import json
import sys
import time

import boto3

client = boto3.client("lambda")


def invoke(event):
    answer = client.invoke_with_response_stream(FunctionName="stream", Payload=event.encode())
    began = time.monotonic()
    events = []
    for item in answer["EventStream"]:
        chunk = item.get("PayloadChunk")
        events.append({"seconds": time.monotonic() - began, **({"text": chunk["Payload"].decode()} if chunk else {"complete": item["InvokeComplete"]})})
    return events


print(json.dumps([invoke(event) for event in sys.argv[1:]]))
