// The scenario with the Node clients: scenario.js CLIENT PORT PROTOCOL SECTION…
"use strict";

const [client, port, protocol, ...sections] = process.argv.slice(2);
require(client === "ioredis" ? "./ioredis_scenario.js" : "./node_redis_scenario.js")
  .main(Number(port), Number(protocol), sections)
  // No exit after success: it would cut off what is not written yet.
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
