// Tells the tab in which the request waits how the challenge ended, then closes this one if a script opened it.
(() => {
  "use strict";
  const { key, result } = document.getElementById("step-up").dataset;
  if ("BroadcastChannel" in window) new BroadcastChannel("authsignal-step-up").postMessage({ key, result });
  // A failure stays open: it is to be read, and may offer another try. The pause lets the message leave first.
  if (result === "approved" || result === "enrolled") setTimeout(() => window.close(), 300);
})();
