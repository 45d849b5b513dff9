"""Sets a sync up with boto3, or reads what has become of it and tears it down.

Arguments: service, endpoint URL, "create" or "finish". Credentials and region
come from the environment. What was seen is printed as one JSON object, times as epoch seconds.
"""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

service, endpoint, phase = sys.argv[1:]
client = boto3.client(service, endpoint_url=endpoint, config=Config(retries={"total_max_attempts": 1}))
resource = {"ResourceName": "web", "SyncType": "CFN_STACK_SYNC"}


def refusal(call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["Error"]["Code"] + ": " + e.response["Error"]["Message"]
    return "not refused"


def without_metadata(answer):
    answer.pop("ResponseMetadata")
    return answer


def create():
    host = client.create_host(Name="h", ProviderType="Git", ProviderEndpoint="https://git.example.com",
                              Tags=[{"Key": "team", "Value": "infra"}])["HostArn"]
    connection = client.create_connection(ConnectionName="acme", HostArn=host)["ConnectionArn"]
    link = client.create_repository_link(ConnectionArn=connection, OwnerId="acme", RepositoryName="infra")
    link_id = link["RepositoryLinkInfo"]["RepositoryLinkId"]
    configuration = {"Branch": "main", "ConfigFile": "stacks/web.yaml", "RepositoryLinkId": link_id,
                     "RoleArn": "arn:aws:iam::111122223333:role/sync", **resource}
    created = client.create_sync_configuration(**configuration)["SyncConfiguration"]
    return {
        "link": link_id,
        "created": created,
        "twice": refusal(client.create_sync_configuration, **configuration),
        "no status": refusal(client.get_resource_sync_status, **resource),
        "no repository status": refusal(client.get_repository_sync_status, RepositoryLinkId=link_id, Branch="main",
                                        SyncType="CFN_STACK_SYNC"),
        "long name": refusal(client.create_connection, ConnectionName="n" * 33, HostArn=host),
    }


def finish():
    status = without_metadata(client.get_resource_sync_status(**resource))
    link = client.list_repository_links()["RepositoryLinks"][0]
    connection = client.list_connections()["Connections"][0]
    host = client.list_hosts()["Hosts"][0]
    updated = client.update_sync_configuration(Branch="dev", **resource)["SyncConfiguration"]
    refusals = [
        refusal(client.delete_host, HostArn=host["HostArn"]),
        refusal(client.delete_connection, ConnectionArn=connection["ConnectionArn"]),
        refusal(client.delete_repository_link, RepositoryLinkId=link["RepositoryLinkId"]),
    ]
    client.delete_sync_configuration(**resource)
    client.delete_repository_link(RepositoryLinkId=link["RepositoryLinkId"])
    client.delete_connection(ConnectionArn=connection["ConnectionArn"])
    client.delete_host(HostArn=host["HostArn"])
    return {
        "status": status,
        "branch": updated["Branch"],
        "refusals": [r.split(":")[0] for r in refusals],
        "left": [client.list_hosts()["Hosts"], client.list_connections()["Connections"],
                 client.list_repository_links()["RepositoryLinks"]],
    }


print(json.dumps({"create": create, "finish": finish}[phase](), default=lambda time: time.timestamp()))
