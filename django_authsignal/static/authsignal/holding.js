// Makes waiting for a verification comfortable: a pop-up, its outcome announced, one submit. The page works without it.
(() => {
  "use strict";
  const byId = (id) => document.getElementById("step-up" + id);
  const page = byId(""), live = byId("-live"), verify = byId("-verify"), form = byId("-form");
  const { statusUrl, key } = page.dataset;
  let stop = () => {}, sending;

  function show(state) {
    page.dataset.state = state;
    live.textContent = live.dataset[state] || "";
  }

  function end(word) {
    show(word);
    if (document.activeElement.matches("input, textarea")) return; // never interrupt typing
    const next = document.querySelector("#step-up-form :is(input, textarea):invalid") || byId("-continue");
    (word !== "spent" && next || byId("-cancel")).focus();
  }

  function start() {
    stop();
    sending = false;
    show("");
    stop = authsignal.wait({ key, status_url: statusUrl }, end);
  }

  if (verify) verify.addEventListener("click", (event) => {
    show("waiting");
    authsignal.popUp(event);
  });
  // Never through the form: a field named "addEventListener" hides the form's own.
  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    if (sending) return event.preventDefault();
    sending = true;
    stop();
    show("sending");
  });
  addEventListener("pageshow", start); // also after back and forward
})();
