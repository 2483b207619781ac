// Sends the form as JSON. Everything about the step-up is in the one word authsignal.fetch.
document.getElementById("quick").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target, told = document.getElementById("told");
  const response = await authsignal.fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: JSON.stringify({ payee: form.elements.payee.value, amount: Number(form.elements.amount.value) }),
  });
  const answer = await response.json();
  told.textContent = response.ok ? `You sent $${answer.paid} to ${answer.payee}.` : "Nothing was sent.";
});
