// Reviewing: a key gives the case its label and brings the next one. A decision is held for a while, so that it can be
// taken back; it is sent when the time is over, when the next one is made, or when the page is left.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const here = location.pathname;
  let held = null, skipped = [], busy = false, turn = Promise.resolve();

  const say = (text) => { $(".said").textContent = text; };
  const said = (name, label) => $("[data-review]").dataset[name].replace("{label}", label);
  const current = () => $("[data-case]")?.dataset.case;
  const mark = () => {
    for (const name of ["undo", "write"]) $(`[data-do=${name}]`).disabled = !held;
  };
  const decision = ({ ticket, label }) => `${here}/decide?${new URLSearchParams({ ticket, label })}`;

  const fill = async (place, address, options) => {
    const response = await fetch(address, options);
    $(place).innerHTML = await response.text();
    return response.ok;
  };
  const state = () => fill("#state", `${here}/state`);

  // Where a button of the old case had the focus, the one in its place gets it.
  const show = async (only = "") => {
    const before = [...document.querySelectorAll("#case [data-label]")].indexOf(document.activeElement);
    const query = new URLSearchParams({ skip: skipped.join(","), held: held?.ticket || "", only });
    await fill("#case", `${here}/case?${query}`);
    if (before >= 0) document.querySelectorAll("#case [data-label]")[before]?.focus();
  };

  const write = async () => {
    if (!held) return;
    const sent = held;
    held = null;
    clearTimeout(sent.timer);
    mark();
    $("#trouble").innerHTML = "";
    const response = await fetch(decision(sent), { method: "POST" });
    if (response.ok) say(said("saidWritten", sent.label));
    else $("#trouble").innerHTML = await response.text();
    state();
  };
  const choose = async (label) => {
    const ticket = current();
    if (!ticket) return;
    await write();
    held = { ticket, label, timer: setTimeout(write, 1000 * $("[data-review]").dataset.heldS) };
    mark();
    say(said("saidHeld", label));
    await show();
  };
  const skip = async () => {
    const ticket = current();
    if (!ticket) return;
    skipped = [...skipped.filter((one) => one !== ticket), ticket];
    await show();
  };
  const undo = async () => {
    if (!held) return;
    const { ticket, timer } = held;
    clearTimeout(timer);
    held = null;
    mark();
    say(said("saidBack", ""));
    await show(ticket);
  };
  const play = () => {
    const sound = $("#case audio");
    if (sound) sound.paused ? sound.play() : sound.pause();
  };

  // A label that is pressed before the next case is there is dropped: nobody decides what they have not seen. Taking back
  // and writing are of a case that was seen, and wait for their turn.
  const inTurn = (deed, ...values) => {
    const act = async () => {
      busy = true;
      try { await deed(...values); } finally { busy = false; }
    };
    turn = turn.then(act, act);
  };
  const once = (deed, ...values) => busy || inTurn(deed, ...values);
  const deeds = { skip: () => once(skip), undo: () => inTurn(undo), write: () => inTurn(write) };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-label], [data-do], [data-export]");
    if (!button || !$("[data-review]")) return;
    if (button.dataset.label !== undefined) once(choose, button.dataset.label);
    else if (button.dataset.do) deeds[button.dataset.do]();
    else fill("#exported", `${here}/export?form=${button.dataset.export}`, { method: "POST" });
  });
  document.addEventListener("keydown", (event) => {
    if (!$("[data-review]") || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select") || !$("[data-keys]").checked) return;
    const key = event.key.toLowerCase(), button = $(`#case [data-key="${CSS.escape(key)}"]`);
    const acts = event.target.closest("a, button, summary, audio");
    if (key === "s") deeds.skip();
    else if (key === "z") deeds.undo();
    else if (key === "enter" && !acts) deeds.write();
    else if (key === " " && !acts && $("#case audio")) { event.preventDefault(); play(); }
    else if (key.length === 1 && button) once(choose, button.dataset.label);
  });
  addEventListener("pagehide", () => { if (held) navigator.sendBeacon(decision(held)); });

  const begin = new MutationObserver(() => {
    if (!$("[data-review]")) return;
    begin.disconnect();
    once(show);
    state();
  });
  begin.observe(document, { childList: true, subtree: true });
})();
