// Runs the test cases of a fake server with the AWS SDK for JavaScript v3.
//
// Arguments: the directory with node_modules, the JSON file with the test cases, the
// server's URL. Credentials and region come from the environment. It prints what the
// SDK decoded, by service and operation, and its retries when it is throttled.
"use strict";
const fs = require("node:fs");
const { open } = require("./nodesdk_client.cjs");

const [, , folder, file, url] = process.argv;
const { sdk, client } = open(folder);
const cases = JSON.parse(fs.readFileSync(file, "utf8"));

// The SDK waits a random part of a delay that grows with each retry. The tests use
// the shortest.
const random = Math.random;
Math.random = () => 0;

// sample returns an output as it was on the wire.
function sample(value) {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(sample);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value)
    .filter(([name, member]) => name !== "$metadata" && member !== undefined)
    .map(([name, member]) => [name, sample(member)]));
}

function send(c, operation) {
  return (input) => c.send(new sdk[`${operation}Command`](input));
}

async function failure(c, operation, input, error) {
  try {
    await send(c, operation)(input);
  } catch (e) {
    if (error.Modelled && !(e instanceof sdk[error.Code] && e.$fault)) throw e;
    return {
      Code: e.name, Class: e.constructor.name, Message: e.message, Status: e.$metadata.httpStatusCode,
      RequestID: e.$metadata.requestId.length === 36,
    };
  }
  throw new Error(`${operation} succeeded where it should not`);
}

async function run() {
  const report = {};
  for (const [service, operations] of Object.entries(cases)) {
    report[service] = {};
    const ok = client(service, `${url}/node/ok`);
    for (const [operation, { Input: input, Errors: errors }] of Object.entries(operations)) {
      const seen = {};
      for (const error of errors) {
        // A client that has failed often stops retrying, so each is used once.
        seen[error.Code] = await failure(client(service, `${url}/node/${error.Code}`), operation, input, error);
      }
      report[service][operation] = { Output: sample(await send(ok, operation)(input)), Errors: seen };
    }
  }
  return report;
}

async function throttled() {
  Math.random = random;
  try {
    await send(client("codeconnections", `${url}/node-wait/ThrottlingException`), "ListHosts")(cases["codeconnections"]["ListHosts"].Input);
  } catch (e) {
    return { Attempts: e.$metadata.attempts, Delay: e.$metadata.totalRetryDelay };
  }
}

(async () => {
  const seen = await run();
  process.stdout.write(JSON.stringify({ Seen: seen, Throttled: await throttled() }));
})();
