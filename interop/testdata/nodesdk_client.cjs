// Loads the AWS SDK for JavaScript v3, with clients for both services.
//
// Both are called with the client of the older service: it is generated from a
// model with the same operations, and gets the newer one's names. Only
// pull request comments are not supported.
"use strict";
const path = require("node:path");

const names = {
  "codestar-connections": "CodeStar_connections_20191201",
  "codeconnections": "CodeConnections_20231201",
};

// open loads the SDK from the directory with node_modules.
function open(folder) {
  const sdk = require(path.join(folder, "node_modules", "@aws-sdk", "client-codestar-connections"));
  return { sdk, client: (service, endpoint) => client(sdk, service, endpoint) };
}

function client(sdk, service, endpoint) {
  const c = new sdk.CodeStarConnectionsClient({
    endpoint,
    httpAuthSchemeProvider: (parameters) => [{
      schemeId: "aws.auth#sigv4",
      signingProperties: { signingName: service, signingRegion: parameters.region },
      propertiesExtractor: (config, context) => ({ signingProperties: { config, context } }),
    }],
  });
  c.middlewareStack.add((next) => (args) => {
    const operation = args.request.headers["x-amz-target"].split(".")[1];
    args.request.headers["x-amz-target"] = `${names[service]}.${operation}`;
    return next(args);
  }, { step: "build" });
  return c;
}

module.exports = { open };
