// What the pages do in the browser: clicks and answers go to the server by name, files by POST. Nothing is kept here.
(() => {
  const send = (name, value) => window.emitEvent && emitEvent(name, value);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) send("act", { act: button.dataset.act });
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(document.querySelector(copy.dataset.copy).innerText);
  });

  // A form goes to the server by its name, with its fields. Whoever gave a name need not type it again.
  const keepPerson = (name) => {
    document.cookie = `basestone_person=${encodeURIComponent(name)}; path=/; samesite=strict; max-age=${name ? 31536000 : 0}`;
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-send], [data-person]");
    if (!form) return;
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    if (fields.by) keepPerson(fields.by.trim());
    if (form.dataset.send) send("send", { form: form.dataset.send, fields });
    else location.reload();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("button[data-person]")) return;
    keepPerson("");
    location.reload();
  });

  const told = new WeakMap();
  const tell = (field) => {
    if (told.get(field) === field.value) return;
    told.set(field, field.value);
    send("field", { path: field.dataset.field, text: field.value });
  };
  let waiting;
  document.addEventListener("input", (event) => {
    const field = event.target.closest("[data-field]");
    if (!field) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => tell(field), field.tagName === "SELECT" ? 0 : 350);
  });
  document.addEventListener("change", (event) => {
    const field = event.target.closest("[data-field]");
    if (field) { clearTimeout(waiting); tell(field); }
  });

  // A log that is read at its end stays there while it grows.
  new MutationObserver(() => {
    for (const log of document.querySelectorAll("[data-follow]"))
      if (!log.dataset.left) log.scrollTop = log.scrollHeight;
  }).observe(document, { childList: true, subtree: true, characterData: true });
  document.addEventListener("scroll", ({ target }) => {
    if (!target.dataset || target.dataset.follow === undefined) return;
    if (target.scrollHeight - target.scrollTop - target.clientHeight > 24) target.dataset.left = "1";
    else delete target.dataset.left;
  }, true);

  window.studio = {
    // Messages by path, each at its field; fields without one are cleared.
    faults(messages, changed) {
      for (const row of document.querySelectorAll("[data-row]")) {
        const said = messages[row.dataset.row] || [];
        const place = row.querySelector(".fault"), field = row.querySelector("[data-field]");
        place.textContent = said.join(" ");
        field.setAttribute("aria-invalid", said.length ? "true" : "false");
        row.classList.toggle("wrong", said.length > 0);
        row.classList.toggle("changed", changed.includes(row.dataset.row));
        const folded = row.closest("details");
        if (said.length && folded) folded.open = true;
      }
    },
    refocus(id) { document.getElementById(id)?.focus(); },
    address(query) { history.replaceState(history.state, "", query); },
  };

  // The playground: a question goes to the server as it is; the answer comes back as a piece of the page. The last
  // question is kept, so that its answer can be explained.
  let asked = null;
  const post = async (place, address, body) => {
    place.setAttribute("aria-busy", "true");
    place.classList.add("busy");
    try {
      const response = await fetch(address, { method: "POST", body });
      place.innerHTML = await response.text();
    } catch (error) {
      place.innerHTML = "";
      place.append(Object.assign(document.createElement("p"), { className: "fault", textContent: String(error) }));
    }
    place.removeAttribute("aria-busy");
    place.classList.remove("busy");
  };
  const ask = async (form, body) => {
    const via = document.querySelector("[name=via]:checked")?.value || "model";
    const explanation = document.querySelector("#explanation"), explain = document.querySelector("[data-explain]");
    if (explanation) explanation.innerHTML = "";
    asked = { kind: form.dataset.ask, body };
    await post(document.querySelector("#answer"), `${location.pathname}?${new URLSearchParams({ kind: asked.kind, via })}`, body);
    if (explain) explain.hidden = !document.querySelector("#answer .probabilities");
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-explain]");
    if (!form) return;
    event.preventDefault();
    const query = new URLSearchParams({ kind: asked.kind, method: form.elements.method.value });
    post(document.querySelector("#explanation"), `${location.pathname}/explain?${query}`, asked.body);
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-ask]");
    if (!form) return;
    event.preventDefault();
    const canvas = form.querySelector("canvas");
    if (canvas) canvas.toBlob((blob) => ask(form, blob), "image/png");
    else if (form.elements.file) { if (form.elements.file.files[0]) ask(form, form.elements.file.files[0]); }
    else ask(form, form.elements.text.value);
  });

  // Drawing: white on black, as thick as a pen is in a picture of this size.
  const clear = (canvas) => {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: canvas.width / 9, lineCap: "round", lineJoin: "round" });
    canvas.dataset.ready = "1";
  };
  const at = (canvas, event) => {
    const frame = canvas.getBoundingClientRect();
    return [(event.clientX - frame.left) * canvas.width / frame.width,
      (event.clientY - frame.top) * canvas.height / frame.height];
  };
  document.addEventListener("pointerdown", (event) => {
    const canvas = event.target.closest("canvas[data-draw]");
    if (!canvas) return;
    if (!canvas.dataset.ready) clear(canvas);
    canvas.setPointerCapture(event.pointerId);
    const pen = canvas.getContext("2d");
    pen.beginPath();
    pen.moveTo(...at(canvas, event));
    pen.lineTo(...at(canvas, event));
    pen.stroke();
  });
  document.addEventListener("pointermove", (event) => {
    const canvas = event.target.closest("canvas[data-draw]");
    if (!canvas || !canvas.hasPointerCapture(event.pointerId)) return;
    const pen = canvas.getContext("2d");
    pen.lineTo(...at(canvas, event));
    pen.stroke();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-clear]");
    if (button) clear(button.closest("form").querySelector("canvas"));
  });
})();
