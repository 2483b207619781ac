// Steps up without leaving the page: a dialog, the hosted page as a pop-up, then the very same request once more.
// For forms with data-step-up, for htmx, and as authsignal.fetch(url, options). {% step_up_script %} brings its texts.
(() => {
  "use strict";
  const { dataset: texts, nonce } = document.currentScript;
  const HEADER = "Authsignal-Step-Up";
  const PROBLEM = "application/problem+json";
  const ENDS = ["approved", "refused", "expired", "spent"];

  // Tells done(word) how the challenge ended; the function it returns gives up waiting.
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
      channel.onmessage = ({ data }) => data && key && data.key === key ? end(data.result) : poll();
      poll();
    }
    addEventListener("pagehide", sleep, { signal });
    addEventListener("pageshow", wake, { signal }); // after back and forward
    document.addEventListener("visibilitychange", poll, { signal });
    wake();
    return stop;
  }

  // For a click on the link to the hosted page. Blocked: the link opens a tab.
  function popUp(event) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const opened = window.open(event.currentTarget.href, "authsignal-step-up", "popup,width=480,height=720");
    if (!opened) return;
    event.preventDefault();
    opened.opener = null; // as rel="noopener": the hosted page must not steer this one
  }

  function make(tag, attributes, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  const region = make("p", { class: "step-up-announcer", role: "status" });

  // For screen readers, while no dialog is open. Text is read when it changes in a region that is known already.
  function announce(text) {
    if (!region.isConnected) document.body.append(region);
    setTimeout(() => { region.textContent = text; }, 100);
  }

  const web = (url) => url && /^https?:$/.test(new URL(url, location).protocol) ? url : "";

  // The dialog about one refusal. Resolves with the key once approved, "" to send again as it was, null to leave it.
  function ask({ title, detail, errors = [], challenge_url, enrol_url, status_url, key }) {
    const id = "step-up-dialog", url = web(challenge_url || enrol_url);
    const button = (name, text) => make("button", { class: "step-up-button step-up-later", id: `${id}-${name}`, type: "button" }, text);
    const close = button("close", url ? texts.cancel : texts.close), again = button("again", texts.again);
    const live = make("p", { class: "step-up-live", id: `${id}-live`, role: "status" });
    const hint = make("p", { class: "step-up-hint", id: `${id}-hint` }, enrol_url ? texts.enrolHint : texts.hint);
    const link = make("a", {
      class: "step-up-button step-up-verify", id: `${id}-verify`, href: url, target: "_blank", rel: "noopener", "aria-describedby": hint.id,
    }, enrol_url ? texts.enrol : texts.verify);
    const dialog = make("dialog", { class: "step-up step-up-dialog", id, "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-detail` },
      make("h2", { id: `${id}-title` }, title),
      make("p", { class: "step-up-lead", id: `${id}-detail` }, detail),
      ...errors.map((error) => make("p", { class: "step-up-details" }, error)),
      ...(url ? [hint, link] : []), live, ...(enrol_url ? [again] : []), close);

    return new Promise((resolve) => {
      let answer = null, said = url ? texts.cancelled : "";
      function show(word) {
        dialog.dataset.state = word;
        live.textContent = texts[word];
      }
      function finish(value, text) {
        answer = value;
        said = text;
        dialog.close(); // gives the focus back
      }
      const stop = status_url ? wait({ key, status_url }, (word) => {
        if (word === "approved") return finish(key, `${texts.approved} ${texts.sending}`);
        show(word);
        said = "";
        hint.remove();
        link.remove();
        close.textContent = texts.close;
        if (word !== "spent") close.before(again);
        close.previousElementSibling.focus();
      }) : () => {};
      link.addEventListener("click", (event) => {
        show("waiting");
        if (status_url) popUp(event);
      });
      again.addEventListener("click", () => finish("", texts.sending));
      close.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => {
        stop();
        dialog.remove();
        announce(said);
        resolve(answer);
      });
      document.body.append(dialog);
      dialog.showModal();
    });
  }
})();
