// Runs Microsoft's Postman collection against an endpoint: one line for each assertion, its
// outcome, name and reason. The token endpoint of Microsoft's sample server is left out.
const fs = require("fs");
const newman = require("newman");

const [file, url, token] = process.argv.slice(2);
const base = new URL(url);
const collection = JSON.parse(fs.readFileSync(file, "utf8"));
collection.item = collection.item.filter((item) => item.name !== "Get Token");
const values = Object.entries({
  Protocol: base.protocol.replace(":", ""),
  Server: base.hostname,
  Port: `:${base.port}`,
  Api: base.pathname.replace(/^\//, ""),
  token,
}).map(([key, value]) => ({ key, value, enabled: true }));

newman.run({ collection, environment: { name: "endpoint", values } }, (error, summary) => {
  if (error) throw error;
  const words = (text) => String(text ?? "").replace(/\s+/g, " ").trim();
  for (const execution of summary.run.executions) {
    const folder = execution.item.parent()?.name ?? "";
    const request = `${folder}: ${execution.item.name}`;
    if (execution.requestError) {
      console.log(`fail\t${words(request)}\t${words(execution.requestError.message)}`);
    }
    for (const assertion of execution.assertions ?? []) {
      const name = words(`${request}: ${assertion.assertion}`);
      const outcome = assertion.error ? "fail" : assertion.skipped ? "skip" : "pass";
      console.log(`${outcome}\t${name}\t${words(assertion.error?.message)}`);
    }
  }
});
