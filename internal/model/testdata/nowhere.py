import boto3
import botocore.exceptions

try:
    boto3.client("lockstep").list_resource_syncs()
except botocore.exceptions.EndpointProviderError as e:
    print(e)
