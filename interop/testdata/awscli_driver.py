"""Drives the AWS CLI through a double's cases, all in one process: what `aws` does
after it has started is the same, and starting takes longer than that.

Arguments: the cases as a file of JSON, the double's URL. Credentials and region
come from the environment. Printed is, by service and operation, what the CLI
printed as JSON for a success, and what it said of each exception with its exit code.
"""
import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver
from botocore import xform_name

cases, url = json.load(open(sys.argv[1])), sys.argv[2]
driver = create_clidriver()


def aws(service, operation, case, path):
    out, errors = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = driver.main([service, xform_name(operation, "-"), "--cli-input-json", json.dumps(case["Input"]),
                            "--endpoint-url", f"{url}/cli/{path}", "--output", "json"])
        out.flush(), errors.flush()
    return code, out.buffer.getvalue().decode(), errors.buffer.getvalue().decode()


def success(service, operation, case):
    code, out, errors = aws(service, operation, case, "ok")
    assert code == 0 and errors == "", (code, errors)
    # Of an empty output the CLI prints nothing.
    return json.loads(out or "{}")


def failure(service, operation, case, error):
    code, out, errors = aws(service, operation, case, error["Code"])
    assert out == "", out
    return {"ExitCode": code, "Said": errors.strip()}


def run(service, operations):
    """Has each operation succeed, and the first that can answer with an exception answer with it."""
    report = {operation: {"Output": success(service, operation, case), "Errors": {}} for operation, case in operations.items()}
    seen = set()
    for operation, case in operations.items():
        for error in case["Errors"]:
            if error["Code"] not in seen and (error["Declared"] or not error["Modelled"]):
                seen.add(error["Code"])
                report[operation]["Errors"][error["Code"]] = failure(service, operation, case, error)
    return report


print(json.dumps({service: run(service, operations) for service, operations in cases.items()}))
