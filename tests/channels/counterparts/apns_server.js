// Apple's interface by Node's own HTTP/2 and TLS: checks what Apple checks, prints each request as a line of JSON.
const crypto = require("crypto");
const fs = require("fs");
const http2 = require("http2");

const [certificate, key, publicKey] = process.argv.slice(2).map((path) => fs.readFileSync(path));

function refusal(headers, body) {
  const [scheme, token] = (headers.authorization || "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || !token) return [403, "MissingProviderToken"];
  const [head, claims, signature] = token.split(".");
  const good = crypto.verify(
    "sha256", Buffer.from(`${head}.${claims}`), {key: publicKey, dsaEncoding: "ieee-p1363"}, Buffer.from(signature, "base64url"));
  if (!good) return [403, "InvalidProviderToken"];
  const age = Date.now() / 1000 - JSON.parse(Buffer.from(claims, "base64url")).iat;
  if (!(Math.abs(age) < 3600)) return [403, "ExpiredProviderToken"];
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(headers["apns-id"])) return [400, "BadMessageId"];
  if (!headers["apns-topic"]) return [400, "MissingTopic"];
  if (!(Number(headers["apns-expiration"]) > Date.now() / 1000)) return [400, "BadExpirationDate"];
  if (!JSON.parse(body).aps.alert.body) return [400, "PayloadEmpty"];
  if (headers[":path"].endsWith("dead")) return [410, "Unregistered"];
  return null;
}

let sessions = 0;
const server = http2.createSecureServer({cert: certificate, key});
server.on("session", () => { sessions += 1; });
server.on("stream", (stream, headers) => {
  let body = "";
  stream.on("data", (piece) => { body += piece; });
  stream.on("end", () => {
    const refused = refusal(headers, body);
    console.log(JSON.stringify({path: headers[":path"], sessions, refused, alert: JSON.parse(body).aps.alert}));
    stream.respond({":status": refused ? refused[0] : 200, "apns-id": headers["apns-id"].toUpperCase()});
    stream.end(refused ? JSON.stringify({reason: refused[1], timestamp: Date.now()}) : "");
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({port: server.address().port})));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
