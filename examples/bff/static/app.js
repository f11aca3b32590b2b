// No token comes here: the session is a cookie that scripts cannot read, and every request has a header that other sites cannot send.
const ask = (path) => fetch("/bff/" + path, { headers: { "X-Requested-With": "fetch" } });
const out = (value) => { document.getElementById("out").textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2); };
const on = (id, act) => document.getElementById(id).addEventListener("click", () => act().catch((e) => out(String(e))));

const me = await ask("me");
if (me.ok) {
  document.getElementById("who").textContent = "Signed in as " + (await me.json()).sub;
  document.getElementById("sign-in").hidden = true;
  for (const id of ["call", "sign-out"]) document.getElementById(id).hidden = false;
}
on("call", async () => {
  const answer = await ask("api/notes/notes");
  out(answer.ok ? await answer.json() : answer.status + " " + (await answer.text()));
});
