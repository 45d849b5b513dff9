"""Drives boto3 through a double's cases.

Arguments: the cases as a file of JSON, the double's URL. Credentials and region
come from the environment. Printed is what boto3 made of the answers, by retry
mode, service and operation, and how long it wanted to wait between its tries.
"""
import datetime
import json
import sys

import boto3
import botocore.endpoint
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

cases, url = json.load(open(sys.argv[1])), sys.argv[2]
session = boto3.Session()
waits = []


class Patience:
    """Stands for the module time: notes how long boto3 wants to wait, and does not."""

    sleep = staticmethod(waits.append)


botocore.endpoint.time = Patience


def client(service, mode, path):
    return session.client(service, endpoint_url=f"{url}/boto3-{mode}/{path}", config=Config(retries={"mode": mode}))


def check(shape, value, path):
    """Wants every member of a shape, and of each the Python type that boto3 documents."""
    wanted = {"structure": dict, "list": list, "string": str, "integer": int, "boolean": bool, "timestamp": datetime.datetime}
    assert type(value) is wanted[shape.type_name], f"{path} is a {type(value)}"
    if shape.type_name == "structure":
        assert set(value) == set(shape.members), f"{path} has {sorted(value)}, not {sorted(shape.members)}"
        for name, member in shape.members.items():
            check(member, value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert value, f"{path} is empty"
        for element in value:
            check(shape.member, element, f"{path}[]")
    elif shape.type_name == "timestamp":
        assert value.tzinfo is not None, f"{path} has no time zone"
    elif getattr(shape, "enum", None) and value != "Git":
        assert value in shape.enum, f"{path} is {value}"


def success(service, mode, operation, case):
    c = client(service, mode, "ok")
    answer = getattr(c, xform_name(operation))(**case["Input"])
    metadata = answer.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 200 and metadata["RetryAttempts"] == 0 and len(metadata["RequestId"]) == 36, metadata
    check(c.meta.service_model.operation_model(operation).output_shape, answer, operation)
    return answer


def failure(c, operation, case, declared):
    try:
        getattr(c, xform_name(operation))(**case["Input"])
    except ClientError as e:
        caught, metadata = e, e.response["ResponseMetadata"]
    if declared:
        try:
            raise caught
        except c.exceptions.from_code(caught.response["Error"]["Code"]):
            pass
        # Of a modelled exception boto3 gives its members too, under the model's names.
        assert caught.response["Message"] == caught.response["Error"]["Message"], caught.response
    return {
        "Code": caught.response["Error"]["Code"], "Class": type(caught).__name__, "Status": metadata["HTTPStatusCode"],
        "Message": caught.response["Error"]["Message"], "RequestID": len(metadata["RequestId"]) == 36,
    }


def run(mode, services):
    report = {service: {} for service in services}
    for service in services:
        clients = {}
        for operation, case in cases[service].items():
            errors = {}
            for error in case["Errors"]:
                code = error["Code"]
                if code not in clients:
                    clients[code] = client(service, mode, code)
                errors[code] = failure(clients[code], operation, case, error["Declared"])
            report[service][operation] = {"Output": success(service, mode, operation, case), "Errors": errors}
    return report


def waited(mode):
    """How long boto3 wants to wait between its tries when it is throttled."""
    waits.clear()
    failure(client("codeconnections", mode, "ThrottlingException"), "ListHosts", cases["codeconnections"]["ListHosts"], False)
    return list(waits)


# The two modes differ in what they retry, independent of the service.
modes = {"standard": list(cases), "legacy": ["codeconnections"]}
print(json.dumps({mode: {"Seen": run(mode, services), "Waits": waited(mode)} for mode, services in modes.items()},
                 default=lambda time: time.timestamp()))
