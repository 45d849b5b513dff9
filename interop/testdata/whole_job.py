"""Does a whole job with boto3 and one of the services, against the real program:
every operation that the service has, from the host to the last deletion.

Arguments: the service, the server's URL, the Git host's URL. Credentials, region
and where to find the model of Lockstep's own service come from the environment.
The repository acme/infra is there, with branches main and next, which differ.
"""
import sys
import time

import boto3
from botocore.exceptions import ClientError

service, url, git = sys.argv[1:]
client = boto3.client(service, endpoint_url=url)
own = boto3.client("lockstep", endpoint_url=url)
stacks = boto3.client("cloudformation", endpoint_url=f"{url}/sandbox")
called, sha = set(), {}
client.meta.events.register("before-call.*.*", lambda model, **_: called.add(model.name))
web = {"ResourceName": "web", "SyncType": "CFN_STACK_SYNC"}


def refused(exception, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        error, metadata = e.response["Error"], e.response["ResponseMetadata"]
        assert error["Code"] == exception and error["Message"], error
        assert metadata["HTTPStatusCode"] == 400 and metadata["RetryAttempts"] == 0 and len(metadata["RequestId"]) == 36, metadata
        if exception != "ValidationException":
            assert isinstance(e, getattr(client.exceptions, exception)), type(e)
        return error["Message"]
    assert False, f"{exception} was to come"


def patiently(look, want):
    end = time.monotonic() + 60
    while True:
        try:
            seen = look()
            if want(seen):
                return seen
        except client.exceptions.ResourceNotFoundException as e:
            seen = e
        assert time.monotonic() < end, seen
        time.sleep(0.1)


def arn(kind, value):
    assert value.startswith(f"arn:aws:{service}:eu-central-1:111122223333:{kind}/"), value
    return value


def tags(resource):
    return {t["Key"]: t["Value"] for t in client.list_tags_for_resource(ResourceArn=resource)["Tags"]}


def host():
    made = client.create_host(Name="My Git", ProviderType="Git", ProviderEndpoint=git + "/", Tags=[{"Key": "team", "Value": "infra"}])
    h = arn("host", made["HostArn"])
    assert made["Tags"] == [{"Key": "team", "Value": "infra"}], made
    client.update_host(HostArn=h, ProviderEndpoint=git)
    shown = client.get_host(HostArn=h)
    assert (shown["Name"], shown["ProviderType"], shown["ProviderEndpoint"], shown["Status"]) == ("My Git", "Git", git, "AVAILABLE"), shown
    assert [x["HostArn"] for x in client.list_hosts()["Hosts"]] == [h]
    return h


def connection(h, name):
    c = arn("connection", client.create_connection(ConnectionName=name, HostArn=h)["ConnectionArn"])
    assert client.get_connection(ConnectionArn=c)["Connection"] == {
        "ConnectionName": name, "ConnectionArn": c, "ProviderType": "Git", "OwnerAccountId": "111122223333",
        "ConnectionStatus": "PENDING", "HostArn": h}
    own.complete_connection(ConnectionArn=c, Credential={"Kind": "NONE"})
    assert client.get_connection(ConnectionArn=c)["Connection"]["ConnectionStatus"] == "AVAILABLE"
    return c


def pages(h):
    first = client.list_connections(HostArnFilter=h, ProviderTypeFilter="Git", MaxResults=1)
    second = client.list_connections(HostArnFilter=h, ProviderTypeFilter="Git", MaxResults=1, NextToken=first["NextToken"])
    names = [c["ConnectionName"] for c in first["Connections"] + second["Connections"]]
    assert sorted(names) == ["first", "second"] and "NextToken" not in second, names
    refused("ValidationException", client.list_connections, HostArnFilter=h, NextToken=first["NextToken"][:-1] + "-")
    assert client.list_connections(ProviderTypeFilter="GitHub")["Connections"] == []


def link(first, second):
    made = client.create_repository_link(ConnectionArn=first, OwnerId="acme", RepositoryName="infra")["RepositoryLinkInfo"]
    l = made["RepositoryLinkId"]
    assert arn("repository-link", made["RepositoryLinkArn"]).endswith(l), made
    refused("ResourceAlreadyExistsException", client.create_repository_link, ConnectionArn=first, OwnerId="acme", RepositoryName="infra")
    moved = client.update_repository_link(RepositoryLinkId=l, ConnectionArn=second)["RepositoryLinkInfo"]
    assert moved == {**made, "ConnectionArn": second}, moved
    assert client.get_repository_link(RepositoryLinkId=l)["RepositoryLinkInfo"] == moved
    assert client.list_repository_links()["RepositoryLinks"] == [moved]
    return moved


def tagging(*resources):
    for resource in resources:
        before = tags(resource)
        client.tag_resource(ResourceArn=resource, Tags=[{"Key": "cost", "Value": "a"}, {"Key": "Cost", "Value": ""}])
        client.tag_resource(ResourceArn=resource, Tags=[{"Key": "cost", "Value": "b"}])
        assert tags(resource) == {**before, "cost": "b", "Cost": ""}, tags(resource)
        client.untag_resource(ResourceArn=resource, TagKeys=["cost", "Cost", "never"])
        assert tags(resource) == before, tags(resource)
        refused("ValidationException", client.tag_resource, ResourceArn=resource, Tags=[{"Key": "aws:a", "Value": "b"}])
    refused("ResourceNotFoundException", client.list_tags_for_resource, ResourceArn=resources[0] + "0")


def configuration(l):
    wanted = {**web, "Branch": "main", "ConfigFile": "web.yaml", "RepositoryLinkId": l["RepositoryLinkId"],
              "RoleArn": "arn:aws:iam::111122223333:role/deploy"}
    refused("ResourceNotFoundException", client.get_resource_sync_status, **web)
    refused("ResourceNotFoundException", client.get_sync_configuration, **web)
    made = client.create_sync_configuration(**wanted)["SyncConfiguration"]
    assert made == {**wanted, "OwnerId": "acme", "RepositoryName": "infra", "ProviderType": "Git"}, made
    refused("ResourceAlreadyExistsException", client.create_sync_configuration, **wanted)
    assert client.get_sync_configuration(**web)["SyncConfiguration"] == made
    ask = {"RepositoryLinkId": l["RepositoryLinkId"], "SyncType": "CFN_STACK_SYNC"}
    assert client.list_sync_configurations(**ask)["SyncConfigurations"] == [made]
    definitions = client.list_repository_sync_definitions(**ask)["RepositorySyncDefinitions"]
    assert [(d["Branch"], d["Target"], d["Parent"]) for d in definitions] == [("main", "web", "web")], definitions


def synced(branch, l):
    """Waits until the resource follows a branch's head, and checks what both statuses tell."""
    status = patiently(lambda: client.get_resource_sync_status(**web), lambda s: s["LatestSync"]["Status"] == "SUCCEEDED"
                       and s["LatestSync"]["TargetRevision"]["Branch"] == branch)
    revision = status["LatestSync"]["TargetRevision"]
    assert status["DesiredState"] == revision and status["LatestSuccessfulSync"] == status["LatestSync"], status
    assert [e["Time"] for e in status["LatestSync"]["Events"]] == sorted(e["Time"] for e in status["LatestSync"]["Events"])
    repository = client.get_repository_sync_status(Branch=branch, RepositoryLinkId=l["RepositoryLinkId"], SyncType="CFN_STACK_SYNC")
    events = repository["LatestSync"]["Events"]
    assert repository["LatestSync"]["Status"] == "SUCCEEDED" and events[-1]["ExternalId"] == revision["Sha"], repository
    return revision["Sha"]


def blocker(l):
    """Changes the stack behind Lockstep's back, and has the next change of the branch blocked for it."""
    assert client.get_sync_blocker_summary(**web)["SyncBlockerSummary"] == {"ResourceName": "web", "LatestBlockers": []}
    refused("SyncBlockerDoesNotExistException", client.update_sync_blocker, Id="no", ResolvedReason="a", **web)
    stacks.update_stack(StackName="web", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "Seconds", "ParameterValue": "77"}])
    patiently(lambda: stacks.describe_stacks(StackName="web")["Stacks"][0]["StackStatus"], lambda s: s == "UPDATE_COMPLETE")
    updated = client.update_sync_configuration(Branch="next", **web)["SyncConfiguration"]
    assert updated["Branch"] == "next" and updated["ConfigFile"] == "web.yaml", updated
    look = lambda: client.get_sync_blocker_summary(**web)["SyncBlockerSummary"]["LatestBlockers"]
    active = patiently(look, lambda b: len(b) == 1)[0]
    assert (active["Type"], active["Status"]) == ("AUTOMATED", "ACTIVE") and "something besides StackSync" in active["CreatedReason"], active
    assert active["CreatedAt"].tzinfo is not None and "ResolvedAt" not in active, active
    resolved = client.update_sync_blocker(Id=active["Id"], ResolvedReason="It was me.", **web)
    assert resolved["ResourceName"] == "web", resolved
    after = resolved["SyncBlocker"]
    assert after == {**active, "Status": "RESOLVED", "ResolvedReason": "It was me.", "ResolvedAt": after["ResolvedAt"]}, after
    assert look() == [after], look()


def teardown(h, connections, l):
    refused("SyncConfigurationStillExistsException", client.delete_repository_link, RepositoryLinkId=l["RepositoryLinkId"])
    refused("ResourceUnavailableException", client.delete_host, HostArn=h)
    client.delete_sync_configuration(**web)
    refused("ResourceNotFoundException", client.get_sync_configuration, **web)
    client.delete_repository_link(RepositoryLinkId=l["RepositoryLinkId"])
    refused("ResourceNotFoundException", client.get_repository_link, RepositoryLinkId=l["RepositoryLinkId"])
    for c in connections:
        client.delete_connection(ConnectionArn=c)
        refused("ResourceNotFoundException", client.get_connection, ConnectionArn=c)
    client.delete_host(HostArn=h)
    refused("ResourceNotFoundException", client.get_host, HostArn=h)
    stacks.describe_stacks(StackName="web")  # it stays


h = host()
connections = [connection(h, "first"), connection(h, "second")]
pages(h)
l = link(*connections)
tagging(h, connections[0], l["RepositoryLinkArn"])
configuration(l)
before = synced("main", l)
blocker(l)
assert synced("next", l) != before
teardown(h, connections, l)
stacks.delete_stack(StackName="web")
assert called == set(client.meta.service_model.operation_names), set(client.meta.service_model.operation_names) - called
