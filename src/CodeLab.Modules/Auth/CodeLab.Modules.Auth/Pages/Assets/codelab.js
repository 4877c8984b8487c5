// What pages gain from JavaScript. Each works without it, except passkeys, which browsers offer to scripts only.

const toBytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const toText = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// --- The secret of a link stands after '#': it reached no server, and it does not stay in the address bar or the history. ---
for (const input of document.querySelectorAll("input[data-from-hash]")) {
  const secret = location.hash.slice(1);
  if (secret) {
    history.replaceState(null, "", location.pathname + location.search);
    input.value = secret;
  }
  if (input.value) input.closest(".field").hidden = true;
}

// --- Passwords can be looked at. ---
for (const input of document.querySelectorAll("input[data-reveal]")) {
  const frame = document.createElement("span");
  frame.className = "reveal";
  input.replaceWith(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = input.dataset.reveal;
  button.setAttribute("aria-controls", input.id);
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.textContent = shown ? input.dataset.hide : input.dataset.reveal;
    button.setAttribute("aria-pressed", String(shown));
    input.focus();
  });
  frame.append(input, button);
  // Browsers offer to save what is a password when the form goes out.
  input.form?.addEventListener("submit", () => { input.type = "password"; });
  if (input.autofocus) input.focus();
}

// --- What is shown once can be copied. ---
for (const input of document.querySelectorAll("input[data-copy]")) {
  input.addEventListener("focus", () => input.select());
  if (!navigator.clipboard) continue;
  const frame = document.createElement("span");
  frame.className = "reveal";
  input.replaceWith(frame);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = input.dataset.copy;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(input.value);
    button.textContent = input.dataset.copied;
  });
  frame.append(input, button);
}

// --- Passkeys (WebAuthn) ---
const fromCreationJson = o => ({
  ...o,
  challenge: toBytes(o.challenge),
  user: { ...o.user, id: toBytes(o.user.id) },
  excludeCredentials: (o.excludeCredentials ?? []).map(c => ({ ...c, id: toBytes(c.id) })),
});

const fromRequestJson = o => ({
  ...o,
  challenge: toBytes(o.challenge),
  allowCredentials: (o.allowCredentials ?? []).map(c => ({ ...c, id: toBytes(c.id) })),
});

const toJson = credential => {
  const r = credential.response;
  const response = { clientDataJSON: toText(r.clientDataJSON) };
  if (r.attestationObject) {
    response.attestationObject = toText(r.attestationObject);
    response.transports = r.getTransports?.() ?? [];
  } else {
    response.authenticatorData = toText(r.authenticatorData);
    response.signature = toText(r.signature);
    if (r.userHandle) response.userHandle = toText(r.userHandle);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
};

const askOptions = async form => {
  const answer = await fetch(form.dataset.options, {
    method: "POST",
    headers: { "X-Form-Token": form.elements.form_token.value, Accept: "application/json" },
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

const run = async (form, extra) => {
  const { options, state } = await askOptions(form);
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: fromCreationJson(options), ...extra })
    : await navigator.credentials.get({ publicKey: fromRequestJson(options), ...extra });
  form.elements.credential.value = toJson(credential);
  form.elements.state.value = state;
  form.submit();
};

if (window.PublicKeyCredential) {
  let waiting = null;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    document.querySelectorAll("[data-with-passkeys]").forEach(e => { e.hidden = false; });
    const fault = form.querySelector("[role=alert]");
    form.addEventListener("submit", async event => {
      event.preventDefault();
      fault.hidden = true;
      waiting?.abort();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        await run(form, {});
      } catch {
        // The browser does not tell scripts whether the person stopped it or there is no passkey: what to do next is the same.
        fault.textContent = form.dataset.fault;
        fault.hidden = false;
      }
      button.disabled = false;
    });
    // Passkeys among the suggestions of the name field.
    if (form.dataset.conditional !== undefined && await PublicKeyCredential.isConditionalMediationAvailable?.()) {
      waiting = new AbortController();
      run(form, { mediation: "conditional", signal: waiting.signal }).catch(() => { });
    }
  }
}
