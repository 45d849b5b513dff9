"""Changes something more often than a server lets it, with boto3.

Argument: the server's URL. Two calls a second are let through, after four at
once. Credentials and region come from the environment.
"""
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def client(**retries):
    return boto3.client("codeconnections", endpoint_url=sys.argv[1], config=Config(retries=retries))


def write(c, name):
    return c.create_host(Name=name, ProviderType="Git", ProviderEndpoint="https://git.example.com")["ResponseMetadata"]["RetryAttempts"]


impatient, patient = client(total_max_attempts=1), client(mode="standard", max_attempts=9)

# A client that does not retry gets the exception.
told = None
for i in range(50):
    try:
        write(impatient, f"impatient {i}")
    except ClientError as e:
        told = e
        break
assert told.response["Error"]["Code"] == "ThrottlingException" and told.response["Error"]["Message"], told
assert told.response["ResponseMetadata"]["HTTPStatusCode"] == 400, told
impatient.list_hosts()  # reading has a measure of its own

# A client that retries, as in standard mode, succeeds.
retries = sum(write(patient, f"patient {i}") for i in range(8))
assert retries > 0, "boto3 was never throttled"
