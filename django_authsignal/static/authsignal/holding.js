// Makes waiting for a verification comfortable: a pop-up, its outcome announced, one submit. The page works without it.
// The outcome comes from BroadcastChannel and the status URL only: COOP may cut a pop-up's `closed` and `opener`.
(() => {
  "use strict";
  const byId = (id) => document.getElementById("step-up" + id);
  const page = byId(""), live = byId("-live"), verify = byId("-verify"), form = byId("-form");
  const { statusUrl, key } = page.dataset;
  const ENDS = ["approved", "refused", "expired", "spent"];
  let channel, timer, active, sending;

  function show(state) {
    page.dataset.state = state;
    live.textContent = live.dataset[state] || "";
  }

  function stop() {
    active = false;
    clearTimeout(timer);
    if (channel) channel.close();
  }

  function end(word) {
    if (!active || !ENDS.includes(word)) return;
    stop();
    show(word);
    if (document.activeElement.matches("input, textarea")) return; // never interrupt typing
    const next = document.querySelector("#step-up-form :is(input, textarea):invalid") || byId("-continue");
    (word !== "spent" && next || byId("-cancel")).focus();
  }

  async function poll() {
    clearTimeout(timer);
    if (!active || !statusUrl || document.hidden) return;
    const word = await fetch(statusUrl, { credentials: "omit", cache: "no-store" })
      .then((answer) => answer.ok ? answer.text() : "")
      .catch(() => "");
    end(word.trim());
    clearTimeout(timer);
    if (active) timer = setTimeout(poll, word ? 2000 : 10000); // slower while there is no answer
  }

  function start() {
    stop();
    active = true;
    sending = false;
    show("");
    if ("BroadcastChannel" in window) {
      channel = new BroadcastChannel("authsignal-step-up");
      channel.onmessage = ({ data }) => data && key && data.key === key ? end(data.result) : poll();
    }
    poll();
  }

  if (verify) verify.addEventListener("click", (event) => {
    show("waiting");
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const popup = window.open(verify.href, "authsignal-step-up", "popup,width=480,height=720");
    if (!popup) return; // blocked: the link opens a tab
    event.preventDefault();
    popup.opener = null; // as rel="noopener": the hosted page must not steer this one
  });
  // Never through the form: a field named "addEventListener" hides the form's own.
  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    if (sending) return event.preventDefault();
    sending = true;
    stop();
    show("sending");
  });
  document.addEventListener("visibilitychange", poll);
  addEventListener("pagehide", stop);
  addEventListener("pageshow", start); // also after back and forward
})();
