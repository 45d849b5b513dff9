// Does a whole job with the AWS SDK for JavaScript v3 and each service, with the
// real program: creates a host up to a sync configuration, and deletes them.
//
// Arguments: the directory with node_modules, the server's URL, the Git host's
// URL. Credentials and region come from the environment. The repository acme/infra
// exists, with web.yaml on branch main.
"use strict";
const assert = require("node:assert/strict");
const { open } = require("./nodesdk_client.cjs");

const [, , folder, url, git] = process.argv;
const { sdk, client } = open(folder);
const web = { ResourceName: "web", SyncType: "CFN_STACK_SYNC" };

async function job(service) {
  const c = client(service, url);
  const call = async (operation, input) => {
    const { $metadata, ...output } = await c.send(new sdk[`${operation}Command`](input));
    assert.equal($metadata.httpStatusCode, 200);
    return output;
  };
  const refused = (exception, operation, input) => assert.rejects(call(operation, input), (e) => {
    assert.equal(e.name, exception);
    assert.equal(e.$metadata.attempts, 1);
    return e instanceof sdk[exception];
  });

  const { HostArn } = await call("CreateHost", { Name: "git", ProviderType: "Git", ProviderEndpoint: git, Tags: [{ Key: "a", Value: "" }] });
  assert.deepEqual(await call("ListTagsForResource", { ResourceArn: HostArn }), { Tags: [{ Key: "a", Value: "" }] });
  const { ConnectionArn } = await call("CreateConnection", { ConnectionName: "acme", HostArn });
  assert.equal((await call("GetConnection", { ConnectionArn })).Connection.ConnectionStatus, "PENDING");
  const { RepositoryLinkInfo } = await call("CreateRepositoryLink", { ConnectionArn, OwnerId: "acme", RepositoryName: "infra" });
  const { RepositoryLinkId } = RepositoryLinkInfo;
  await refused("ResourceNotFoundException", "GetResourceSyncStatus", web);
  const { SyncConfiguration } = await call("CreateSyncConfiguration", {
    ...web, Branch: "main", ConfigFile: "web.yaml", RepositoryLinkId, RoleArn: "arn:aws:iam::111122223333:role/deploy",
    TriggerResourceUpdateOn: "ANY_CHANGE",
  });
  assert.equal(SyncConfiguration.TriggerResourceUpdateOn, "ANY_CHANGE");
  assert.deepEqual((await call("ListSyncConfigurations", { RepositoryLinkId, SyncType: web.SyncType })).SyncConfigurations, [SyncConfiguration]);
  assert.deepEqual(await call("GetSyncBlockerSummary", web), { SyncBlockerSummary: { ResourceName: "web", LatestBlockers: [] } });

  await refused("SyncConfigurationStillExistsException", "DeleteRepositoryLink", { RepositoryLinkId });
  await refused("ResourceUnavailableException", "DeleteHost", { HostArn });
  assert.deepEqual(await call("DeleteSyncConfiguration", web), {});
  await call("DeleteRepositoryLink", { RepositoryLinkId });
  await call("DeleteConnection", { ConnectionArn });
  await call("DeleteHost", { HostArn });
  await refused("ResourceNotFoundException", "GetHost", { HostArn });
}

(async () => {
  for (const service of ["codeconnections", "codestar-connections"]) await job(service);
})();
