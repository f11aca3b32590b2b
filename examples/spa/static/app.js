// Authorization code + PKCE in the browser (RFC 7636, RFC 9700). Access and refresh token live in memory only; the refresh
// token is rotated at each use.
// Another server or API than the defaults can be named once behind the #.
const named = new URLSearchParams(location.hash.slice(1));
const setting = (name, standard) => (sessionStorage[name] = named.get(name) ?? sessionStorage[name] ?? standard);
const issuer = setting("issuer", "http://localhost:9400");
const api = setting("api", "http://localhost:9420");
const clientId = "spa";
const redirectUri = location.origin + "/";

const show = (id, on) => { document.getElementById(id).hidden = !on; };
const out = (text) => { document.getElementById("out").textContent = typeof text === "string" ? text : JSON.stringify(text, null, 2); };
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => b64(crypto.getRandomValues(new Uint8Array(32)));
const claimsOf = (jwt) => JSON.parse(new TextDecoder().decode(
  Uint8Array.from(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0))));

const metadata = await (await fetch(issuer + "/.well-known/openid-configuration")).json();
let tokens;

async function signIn() {
  const verifier = random(), state = random(), nonce = random();
  Object.assign(sessionStorage, { verifier, state, nonce });
  const challenge = b64(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  location.assign(metadata.authorization_endpoint + "?" + new URLSearchParams({
    client_id: clientId, redirect_uri: redirectUri, response_type: "code", scope: "openid profile notes:read",
    state, nonce, code_challenge: challenge, code_challenge_method: "S256",
  }));
}

async function token(form) {
  const answer = await fetch(metadata.token_endpoint, { method: "POST", body: new URLSearchParams({ client_id: clientId, ...form }) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error + ": " + body.error_description);
  return body;
}

async function back(query) {
  history.replaceState(null, "", redirectUri); // the code must not stay in the address bar
  if (query.get("state") !== sessionStorage.state) throw new Error("this answer does not belong to this tab");
  if (query.get("iss") !== metadata.issuer) throw new Error("answer from another issuer"); // RFC 9207
  if (query.has("error")) throw new Error(query.get("error") + ": " + query.get("error_description"));
  tokens = await token({
    grant_type: "authorization_code", code: query.get("code"), redirect_uri: redirectUri, code_verifier: sessionStorage.verifier,
  });
  const id = claimsOf(tokens.id_token);
  if (id.nonce !== sessionStorage.nonce || id.iss !== metadata.issuer || id.aud !== clientId) throw new Error("the ID token is not for us");
  signedIn();
}

function signedIn() {
  document.getElementById("who").textContent = "Signed in as " + claimsOf(tokens.id_token).sub;
  show("sign-in", false);
  for (const id of ["refresh", "call", "sign-out"]) show(id, true);
  out(claimsOf(tokens.access_token));
}

const on = (id, act) => document.getElementById(id).addEventListener("click", () => act().catch((e) => out(String(e))));
on("sign-in", signIn);
on("refresh", async () => {
  tokens = { ...tokens, ...(await token({ grant_type: "refresh_token", refresh_token: tokens.refresh_token })) };
  signedIn();
});
on("call", async () => {
  const answer = await fetch(api + "/notes", { headers: { Authorization: "Bearer " + tokens.access_token } });
  out(answer.ok ? await answer.json() : answer.status + " " + answer.headers.get("WWW-Authenticate"));
});
on("sign-out", async () => {
  location.assign(metadata.end_session_endpoint + "?" +
    new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: redirectUri }));
});

const query = new URLSearchParams(location.search);
if (query.has("code") || query.has("error")) back(query).catch((e) => out(String(e)));
