// Steps up without leaving the page: a dialog, the hosted page as a pop-up, then the very same request once more.
// For forms with data-step-up, for htmx, and as authsignal.fetch(url, options). Its texts stand in step_up_script.html.
(() => {
  "use strict";
  const script = document.currentScript;
  const HEADER = "Authsignal-Step-Up";
  const PROBLEM = "application/problem+json";
  const ENDS = ["approved", "enrolled", "refused", "expired", "spent"];

  // Tells done(word) how a challenge ended; the function it returns gives up waiting.
  // The word comes from BroadcastChannel and the status URL only: COOP may cut a pop-up's `closed` and `opener`.
  function wait({ key, status_url: url }, done) {
    const life = new AbortController(), { signal } = life;
    let channel, timer;

    function sleep() {
      clearTimeout(timer);
      if (channel) channel.close();
      channel = null;
    }
    function stop() {
      life.abort();
      sleep();
    }
    function end(word) {
      if (signal.aborted || !ENDS.includes(word)) return;
      stop();
      done(word);
    }
    async function poll() {
      clearTimeout(timer);
      if (!channel || !url || document.hidden) return;
      const word = await fetch(url, { credentials: "omit", cache: "no-store" })
        .then((answer) => answer.ok ? answer.text() : "")
        .catch(() => "");
      end(word.trim());
      clearTimeout(timer);
      if (channel) timer = setTimeout(poll, word ? 2000 : 10000); // slower while there is no answer
    }
    function wake() {
      sleep();
      channel = new BroadcastChannel("authsignal-step-up");
      // Who waits for an enrolment has no status to ask.
      const mine = (data) => data && (url ? key && data.key === key : data.result === "enrolled");
      channel.onmessage = ({ data }) => mine(data) ? end(data.result) : poll();
      poll();
    }
    addEventListener("pagehide", sleep, { signal });
    addEventListener("pageshow", wake, { signal }); // after back and forward
    document.addEventListener("visibilitychange", poll, { signal });
    wake();
    return stop;
  }

  // For a click on a link to the hosted page. Where pop-ups are blocked, the link opens its tab.
  function popUp(event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const opened = window.open(event.currentTarget.href, "authsignal-step-up", "popup,width=480,height=720");
    if (!opened) return;
    event.preventDefault();
    opened.opener = null; // as rel="noopener": the hosted page must not steer this one
  }

  window.authsignal = Object.assign(window.authsignal || {}, { wait, popUp });
  const template = script.previousElementSibling;
  if (!template || template.id !== "step-up-template") return; // our own pages have no requests to repeat

  const region = template.content.querySelector(".step-up-said");
  const css = document.createElement("link");
  Object.assign(css, { rel: "stylesheet", href: template.dataset.css, nonce: script.nonce });
  document.head.prepend(css); // first, so that the site's own sheets can theme it

  // To screen readers, while no dialog is open. A text is read when it changes in a region that was there before.
  function say(word) {
    if (!region.isConnected) document.body.append(region);
    setTimeout(() => { region.textContent = region.dataset[word] || ""; }, 100);
  }

  function make(tag, ...inside) {
    const made = document.createElement(tag);
    made.append(...inside);
    return made;
  }

  function isWeb(url) {
    return Boolean(url) && ["http:", "https:"].includes(new URL(url, location).protocol);
  }

  // Shows one refusal. Resolves with the key once approved, with "" to send the request as it was, else with null.
  function ask({ title, detail, errors = [], shown = [], challenge_url, enrol_url, status_url, key }) {
    const dialog = template.content.querySelector("dialog").cloneNode(true);
    const part = (name) => dialog.querySelector(`#step-up-dialog-${name}`);
    part("title").textContent = title;
    part("detail").textContent = detail;
    part("errors").append(...errors.map((error) => make("li", error)));
    part("shown").hidden = !shown.length;
    part("values").append(...shown.map(([label, values]) => {
      const texts = values.length ? values : [""];
      const told = texts.map((text) => make("dd", make("bdi", text || part("values").dataset.empty)));
      return make("div", make("dt", make("bdi", label)), ...told);
    }));
    if (isWeb(challenge_url)) part("verify").href = challenge_url;
    if (isWeb(enrol_url)) part("enrol").href = enrol_url;

    return new Promise((resolve) => {
      const state = challenge_url ? "challenge" : enrol_url ? "enrol" : "told";
      let answer = null, said = state === "told" ? "" : "cancelled", stop = () => {};

      function show(word) {
        for (const node of dialog.querySelectorAll("[data-for]")) {
          node.hidden = !node.dataset.for.split(" ").includes(word);
        }
        dialog.dataset.state = word;
        part("live").textContent = part("live").dataset[word] || "";
      }
      function finish(value, word) {
        answer = value;
        said = word;
        dialog.close(); // gives the focus back to where it was
      }
      function end(word) {
        if (word === "approved") return finish(key, word);
        show(word);
        said = "";
        dialog.querySelector("button:not([hidden])").focus();
      }
      dialog.addEventListener("close", () => {
        stop();
        dialog.remove();
        say(said);
        resolve(answer);
      });
      part("verify").addEventListener("click", (event) => {
        show("waiting");
        popUp(event);
      });
      part("again").addEventListener("click", () => finish("", "sending"));
      for (const name of ["cancel", "close"]) part(name).addEventListener("click", () => dialog.close());
      show(state);
      if (challenge_url) stop = wait({ key, status_url }, end);
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  const asked = new Set();
  let turn = Promise.resolve();

  // One dialog at a time, and one a challenge: the twin of a request, from a double click, stays refused.
  async function run(problem) {
    const { key } = problem;
    if (asked.has(key)) return null;
    if (key) asked.add(key);
    const answer = turn.then(() => ask(problem));
    turn = answer.catch(() => {}).then(() => asked.delete(key));
    return answer;
  }

  // The gate's refusal, or null when an answer is none.
  function refusal(type, text) {
    if (!(type || "").startsWith(PROBLEM)) return null;
    const problem = JSON.parse(text);
    return String(problem.code).startsWith("step_up_") ? problem : null;
  }

  async function refusalOf(response) {
    const type = response.headers.get("Content-Type") || "";
    return type.startsWith(PROBLEM) ? refusal(type, await response.clone().text()) : null; // others can be large
  }

  // As window.fetch, but asks for a step-up where one is needed and then sends the request again.
  // Answers with the refusal if it stays one. Rejects as fetch does; TypeError for a body that can be sent only once.
  async function send(input, options = {}) {
    const once = input instanceof Request && !["GET", "HEAD"].includes(input.method);
    if (once || options.body instanceof ReadableStream) {
      throw new TypeError("authsignal.fetch may send a body twice: give it a URL, and options whose body is no stream");
    }
    const headers = new Headers(options.headers || input.headers);
    headers.set("Accept", `${PROBLEM}, ${headers.get("Accept") || "*/*"}`);
    for (;;) {
      const response = await fetch(input, { ...options, headers });
      const problem = await refusalOf(response);
      const key = problem && await run(problem);
      if (key === null) return response;
      headers.delete(HEADER);
      if (key) headers.set(HEADER, key);
    }
  }

  // Forms

  // The form's answer, as the browser would have shown it. True when this page goes.
  async function show(response) {
    const { headers, url } = response, type = headers.get("Content-Type") || "", here = location.href.split("#")[0];
    const place = headers.get("Authsignal-Location") || (response.redirected && url);
    if (place && isWeb(place)) {
      const { href, hash } = new URL(place, url);
      location.assign(href);
      if (hash && href === here + hash) location.reload(); // a browser follows a redirect, not just its fragment
      return true;
    }
    if (response.status === 204 || await refusalOf(response)) return false;
    const disposition = headers.get("Content-Disposition") || "";
    if (!type.startsWith("text/html") || disposition.startsWith("attachment")) {
      const [, name] = /filename="?([^";]+)/.exec(disposition) || [];
      const file = URL.createObjectURL(await response.blob());
      Object.assign(document.createElement("a"), { href: file, download: name || "" }).click();
      return false;
    }
    // This page's Content-Security-Policy stays in force, so scripts that the answer's own allowed need our nonce.
    const [, nonce] = /'nonce-([^']+)'/.exec(headers.get("Content-Security-Policy")) || [];
    const html = await response.text();
    history.replaceState(null, "", url);
    document.open();
    document.write(nonce && script.nonce ? html.replaceAll(`nonce="${nonce}"`, `nonce="${script.nonce}"`) : html);
    document.close();
    return true;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target, button = event.submitter;
    if (event.defaultPrevented || !form.hasAttribute("data-step-up")) return;
    // Never through the form's properties: a field named "action" hides the form's own.
    const setting = (name) => (button && button.getAttribute(`form${name}`)) || form.getAttribute(name) || "";
    const url = new URL(setting("action") || location.href, document.baseURI), type = setting("enctype").toLowerCase();
    if (setting("method").toLowerCase() !== "post" || type === "text/plain" || url.origin !== location.origin) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return; // a double click
    form.setAttribute("aria-busy", "true");
    say("sending");
    const data = new FormData(form, button);
    const line = (value) => (value instanceof File ? value.name : value).replace(/\r?\n|\r/g, "\r\n");
    const body = type === "multipart/form-data" ? data : new URLSearchParams([...data].map((pair) => pair.map(line)));
    const headers = { Accept: "text/html;q=0.9, */*;q=0.8", "Authsignal-Form": "true" };
    const goes = await send(url, { method: "POST", body, headers }).then(show).catch(() => run(template.dataset));
    if (goes !== true) form.removeAttribute("aria-busy");
  });

  addEventListener("pageshow", () => { // back again
    for (const form of document.querySelectorAll("form[data-step-up]")) form.removeAttribute("aria-busy");
  });

  // htmx 1.9 and 2

  let repeated = null;

  document.addEventListener("htmx:beforeOnLoad", async (event) => {
    const { xhr, elt, target, etc, requestConfig: { path, verb, parameters, headers, triggeringEvent } } = event.detail;
    const problem = refusal(xhr.getResponseHeader("Content-Type"), xhr.responseText);
    if (!problem || event.defaultPrevented) return;
    event.preventDefault();
    const key = await run(problem);
    if (key === null) return;
    repeated = { path, verb, parameters, headers: key ? { ...headers, [HEADER]: key } : headers };
    htmx.ajax(verb, path, { ...etc, source: elt, target, swap: etc.swapOverride, event: triggeringEvent });
    repeated = null;
  });

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (repeated) Object.assign(detail, repeated);
  });

  document.addEventListener("htmx:confirm", (event) => { // the same question is not asked twice
    if (!repeated) return;
    event.preventDefault();
    event.stopPropagation();
    event.detail.issueRequest(true);
  }, true);

  Object.assign(window.authsignal, { fetch: send, run });
})();
