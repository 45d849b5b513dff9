# Nothing listens at the endpoint: what is refused, botocore has refused.
import boto3
import botocore.exceptions

client = boto3.client("lockstep", endpoint_url="http://127.0.0.1:1")
for call, arguments in [
    (client.start_resource_sync, {"ResourceName": "web"}),
    (client.list_resource_syncs, {"Colour": "red"}),
    (client.list_resource_syncs, {"MaxResults": "many"}),
    (client.start_resource_sync, {"ResourceName": "", "SyncType": "CFN_STACK_SYNC"}),
]:
    try:
        call(**arguments)
    except botocore.exceptions.ParamValidationError as e:
        print(" ".join(str(e).split()))
