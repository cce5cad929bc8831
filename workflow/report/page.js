"use strict";
// Filters, sorting, charts and model cards. All text is inserted as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { cards, figures } = data;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // ---- Tables: sorting by column ------------------------------------------------------------

  // Returns the value to sort by: a number, a text, or null for an empty cell.
  function orderOf(cell) {
    if (!cell) return null;
    const text = cell.dataset.order ?? cell.textContent.trim();
    if (text === "") return null;
    const number = Number(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text : number;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sort(table, column, heading) {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    all("thead th", table).forEach((other) => other.setAttribute("aria-sort", "none"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const rows = all("tbody tr", table).map((row) => [orderOf(row.cells[column]), row]);
    rows.sort(([a], [b]) => {
      // Empty cells come last in both directions.
      if (a === null || b === null) return (a === null) - (b === null);
      return descending ? compare(b, a) : compare(a, b);
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  function makeSortable(table) {
    all("thead th", table).forEach((heading, column) => {
      const button = make("button", { type: "button" }, ...heading.childNodes);
      heading.setAttribute("aria-sort", "none");
      heading.append(button);
      button.addEventListener("click", () => sort(table, column, heading));
    });
  }

  // ---- Filters -----------------------------------------------------------------------------

  function cellOfRow(row) {
    const link = row.querySelector("a[href^='#cell/']");
    return link ? cards.cells[addressOf(link.getAttribute("href"))] : null;
  }

  function filterCells(filter) {
    let shown = 0;
    for (const row of all("#cells tbody tr")) {
      const cell = cellOfRow(row);
      row.hidden = !Object.entries(filter).every(([name, value]) => cell && cell[name] === value);
      if (!row.hidden) shown += 1;
    }
    return shown;
  }

  function filterMatrix(filter) {
    const matrix = document.getElementById("matrix");
    const fits = (element) =>
      Object.entries(filter).every(([name, value]) => (element.dataset[name] ?? value) === value);
    all("tbody tr", matrix).forEach((row) => { row.hidden = !fits(row); });
    all("thead th", matrix).forEach((heading, column) => {
      const hidden = !fits(heading);
      all("tr", matrix).forEach((row) => { row.cells[column].hidden = hidden; });
    });
  }

  function startFilters() {
    const form = document.getElementById("filters");
    const apply = () => {
      const chosen = [...new FormData(form)].filter(([, value]) => value);
      const filter = Object.fromEntries(chosen);
      filterMatrix(filter);
      const total = Object.keys(cards.cells).length;
      form.querySelector("output").textContent = `${filterCells(filter)} of ${total} cells`;
    };
    form.hidden = false;
    form.addEventListener("change", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    apply();
  }

  // ---- Charts: drawn when they become visible -----------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");

  function theme() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map(colour);
    const narrow = innerWidth < 700;
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft,
        titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, labelLimit: narrow ? 110 : 180 },
      legend: { labelColor: ink, titleColor: ink, orient: "bottom", columns: narrow ? 2 : 4,
        labelLimit: narrow ? 140 : 320, labelFontSize: 11, symbolLimit: 60, symbolFillColor: ink,
        layout: { bottom: { anchor: "start", direction: "vertical", margin: 6 } } },
      title: { color: ink, anchor: "start", fontWeight: "normal", fontSize: 13,
        limit: narrow ? 320 : 480 },
      view: { stroke: line },
      line: { color: ink }, rule: { color: ink }, text: { color: ink },
    };
  }

  function recordsOf(figure) {
    const { columns, rows } = figure;
    return rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]])));
  }

  async function draw(element) {
    const figure = figures[element.dataset.name];
    const rows = recordsOf(figure);
    const holder = element.querySelector(".panels");
    // All places are inserted first: a chart takes the width of its place when it is drawn.
    const places = figure.panels.map(() => make("div", { class: "panel" }));
    holder.replaceChildren(...places);
    element.dataset.drawn = "yes";
    for (const [i, panel] of figure.panels.entries()) {
      const spec = { ...panel, datasets: { rows }, autosize: { type: "fit-x", contains: "padding" } };
      const options = { config: theme(), actions: false, renderer: "svg", mode: "vega-lite" };
      const { view } = await vegaEmbed(places[i], spec, options);
      view.addEventListener("click", (event, item) => {
        if (item?.datum?.cell in cards.cells) location.hash = hashOf(item.datum.cell);
      });
    }
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "300px" });

  function watch(element) {
    delete element.dataset.drawn;
    if (element.dataset.name) seen.observe(element);
  }

  function showRows(details) {
    const figure = figures[details.parentElement.dataset.name];
    const text = (value) => (value in cards.cells ? make("a", { href: hashOf(value) }, value) : String(value ?? ""));
    const head = make("tr", {}, ...figure.columns.map((name) => make("th", { scope: "col" }, name)));
    const body = figure.rows.map((row) => make("tr", {}, ...row.map((v) => make("td", {}, text(v)))));
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
    makeSortable(table);
    table.className = "sortable";
    details.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Data" }, table));
  }

  function startCharts() {
    for (const section of all("section.charts")) {
      const parts = all("[data-subject]", section);
      const subjects = [...new Set(parts.map((part) => part.dataset.subject))];
      const select = make("select", {}, ...subjects.map((name) => make("option", {}, name)));
      const apply = () => {
        for (const part of parts) {
          part.hidden = part.dataset.subject !== select.value;
          if (!part.hidden && !part.dataset.drawn) watch(part);
        }
      };
      select.addEventListener("change", apply);
      if (subjects.length > 1) {
        const label = make("label", { class: "choose" }, `Choose a ${section.dataset.choose}: `, select);
        section.querySelector("h2, h3").after(label);
      }
      apply();
    }
    for (const details of all("details.data")) {
      details.addEventListener("toggle", () => showRows(details), { once: true });
    }
    dark.addEventListener("change", () => all("figure[data-drawn]").forEach(watch));
  }

  // ---- Cards -------------------------------------------------------------------------------

  const hashOf = (address) => `#cell/${address.split("/").map(encodeURIComponent).join("/")}`;

  function addressOf(hash) {
    try {
      return decodeURIComponent(hash.slice("#cell/".length));
    } catch {
      return "";
    }
  }

  const percent = (value, digits = 2) => `${(100 * value).toFixed(digits)} %`;
  const integer = (value) => Number(value).toLocaleString("en");
  const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

  function facts(entries) {
    const known = entries.filter(([, value]) => value !== undefined && value !== null && value !== "");
    return make("dl", { class: "facts" },
      ...known.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
  }

  function tableOf(titles, rows, caption) {
    const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
    const line = (row) => make("tr", {}, ...row.map((value, i) =>
      value instanceof Node ? value : make(i ? "td" : "th", i ? {} : { scope: "row" }, String(value ?? ""))));
    const table = make("table", {}, make("caption", {}, caption), make("thead", {}, head),
      make("tbody", {}, ...rows.map(line)));
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, table);
  }

  function interval(low, high, form) {
    return low === undefined ? "" : ` [${form(low)}, ${form(high)}]`;
  }

  // Costs of the C code on each microcontroller that was measured.
  function deviceCosts(cell) {
    return ["cortex_m0", "cortex_m4", "cortex_m33", "cortex_m55"]
      .filter((name) => cell[`flash_bytes_${name}`] !== undefined)
      .map((name) => [`C code on ${name.replace("_", "-")}`,
        `${cell.firmware_costs === "estimated" ? "estimated: " : ""}flash ${kib(cell[`flash_bytes_${name}`])}, RAM ${kib(cell[`ram_bytes_${name}`])}, ` +
        `${integer(cell[`instructions_${name}`])} instructions of one inference`]);
  }

  function measured(cell) {
    if (cell.status !== "ok") return [make("p", { class: "warn" }, cell.accuracy_text)];
    const score = (name) => (cell[name] === undefined ? undefined : cell[name].toFixed(4));
    const unit = cell.mae === undefined ? " [points]" : "";
    return [facts([
      [cell.mae === undefined ? "Accuracy on test" : "Mean absolute error on test", cell.accuracy_text],
      ["RMSE", cell.rmse?.toPrecision(4)], ["R²", score("r2")],
      [`Δ vs float32${unit}`, cell.from_float_text],
      ["p; p (Holm)", cell.p_holm === undefined ? undefined
        : `${cell.p_float?.toPrecision(3)}; ${cell.p_holm.toPrecision(3)}`],
      [`Δ vs same scheme of the parent${unit}`, cell.to_parent_text],
      [`Δ vs previous quantization step${unit}`, cell.step_text],
      ["Test samples", integer(cell.n)], ["Test groups", cell.n_groups],
      ["Folds of the cross-validation", cell.folds],
      ["Decisions that differ from float32", cell.decisions_changed === undefined ? undefined : integer(cell.decisions_changed)],
      ["Balanced accuracy", score("balanced_accuracy")], ["Precision, macro", score("precision")],
      ["Recall, macro", score("recall")], ["F1, macro", score("f1")],
      ["Cohen's kappa", score("cohen_kappa")], ["Hamming loss", score("hamming_loss")],
      ["Jaccard", score("jaccard")],
      ["AUC, macro", cell.auc_macro === undefined ? undefined
        : score("auc_macro") + interval(cell.auc_low, cell.auc_high, (v) => v.toFixed(4))],
    ]), make("h4", {}, "Costs"), facts([
      ["File", cell.size_bytes === undefined ? undefined : `${kib(cell.size_bytes)} (gzip ${kib(cell.size_gzip_bytes)})`],
      ["Tensor arena, TensorFlow Lite Micro", cell.arena_bytes === undefined ? undefined : kib(cell.arena_bytes)],
      ...deviceCosts(cell),
      ["Parameters", cell.parameters === undefined ? undefined : integer(cell.parameters)],
      ["Non-zero parameters", cell.nonzero === undefined ? undefined : integer(cell.nonzero)],
      ["Multiply-accumulates", cell.macs === undefined ? undefined : integer(cell.macs)],
      ["Latency on the host, median", cell.latency_us_median === undefined ? undefined
        : `${cell.latency_us_median.toFixed(1)} µs (95th percentile ${cell.latency_us_p95.toFixed(1)} µs)`],
      ["Sparsity of weights (model; file)", cell.file_zeros === undefined ? undefined
        : `${percent(cell.model_zeros ?? 0)}; ${percent(cell.file_zeros)}`],
      ["Dead layers", cell.dead_layers],
    ])];
  }

  function confusions(cell) {
    if (!cell.confusion) return [];
    const multi = cell.task === "multilabel";
    const matrices = multi ? cell.confusion : [cell.confusion];
    const tables = matrices.map((matrix, k) => {
      const names = multi ? [`not ${cell.class_names[k]}`, cell.class_names[k]] : cell.class_names;
      const rows = matrix.map((row, i) => [names[i], ...row.map((count, j) =>
        make("td", i === j ? { class: "right" } : {}, integer(count)))]);
      const table = tableOf(["truth \\ decision", ...names], rows, multi ? cell.class_names[k] : "Rows: truth; columns: decision");
      table.classList.add("confusion");
      return table;
    });
    return [make("h4", {}, "Confusion matrix"), ...tables];
  }

  function groupsOf(cell) {
    const entries = Object.entries(cell.groups);
    return entries.length ? [make("h4", {}, "Accuracy by group"), facts(entries)] : [];
  }

  // Formats a setting as text; entries that are not set (null) are left out.
  function textOf(value) {
    if (Array.isArray(value)) return value.map(textOf).join(", ");
    if (value === null || typeof value !== "object") return String(value);
    const known = Object.entries(value).filter(([, entry]) => entry !== null);
    return known.map(([name, entry]) => {
      const text = textOf(entry);
      return `${name}: ${entry instanceof Object && !Array.isArray(entry) ? `(${text})` : text}`;
    }).join("; ");
  }

  function settingsOf(block) {
    return facts(Object.entries(block).map(([name, value]) => [name, value === null ? null : textOf(value)]));
  }

  function trainingOf(training) {
    return training ? ` (${training.epochs} epochs)` : "";
  }

  function lineage(cell) {
    const network = cards.networks[cell.network];
    const scheme = cards.schemes[`${cell.model}/${cell.scheme}`];
    const trained = cell.network.endsWith(`/${cell.variant}`) ? "" : ", fine-tuned from this network with its own quantizers";
    const steps = network.steps.map((step) => make("li", {}, make("strong", {}, step.variant),
      trainingOf(step.training),
      settingsOf(step.settings)));
    const { training, ...architecture } = network.model;
    return [make("h4", {}, "Compression steps"), settingsOf(architecture), make("ol", {}, ...steps),
      ...(scheme ? [make("p", {}, `Scheme ${cell.scheme}${trained}:`), settingsOf(scheme)] : [])];
  }

  function dataOf(cell) {
    const set = cards.datasets[cell.dataset];
    const splits = Object.entries(set.splits).map(([name, split]) => [name, integer(split.samples),
      split.groups ?? "none", Object.entries(split.classes ?? {}).map(([c, n]) => `${c} ${n}`).join(", ")]);
    return [make("h4", {}, `Data: ${cell.dataset}`), settingsOf(set.settings),
      splits.length ? tableOf(["split", "samples", "groups", "samples by class"], splits, "Splits") : null,
      filesOf(set.files, "Files of the splits")];
  }

  function filesOf(files, caption) {
    if (!files || !files.length) return null;
    return tableOf(["file", "size", "SHA-256"], files.map((file) => [file.path, kib(file.bytes),
      make("td", { class: "hash" }, file.sha256)]), caption);
  }

  function verdicts(cell, artifact) {
    const entries = [];
    const contract = cards.contracts[artifact];
    if (contract) {
      entries.push(["Types required by the scheme", contract.verdict === "pass" ? "yes" : contract.findings.join("; ")]);
      entries.push(["Input, output", `${contract.input}, ${contract.output}`]);
      entries.push(["Operators", contract.operators.join(", ")]);
    }
    const certificate = cards.certificates[artifact];
    if (certificate) {
      for (const [profile, title] of [["litert_ref", "LiteRT's reference kernels"], ["tflm", "TensorFlow Lite Micro"]]) {
        const comparison = certificate[profile];
        const extent = comparison.tensors ? `, ${comparison.tensors} tensors, ${comparison.samples} samples` : "";
        const reason = comparison.reason ? `: ${comparison.reason}` : "";
        entries.push([`Bit-exact vs ${title}`, `${comparison.verdict}${extent}${reason}`]);
      }
      const xnnpack = certificate.xnnpack;
      if (xnnpack) {
        entries.push(["Difference of LiteRT's default kernels (XNNPACK)", `${percent(xnnpack.fraction)} of outputs, up to `
          + `${xnnpack.worst_lsb} LSB${xnnpack.decisions_changed === null ? "" : `; ${xnnpack.decisions_changed} decisions changed`}`]);
      }
    }
    if (cell.akida_potentials) {
      entries.push(["Simulator vs quantized Keras", `${cell.akida_potentials}; ${percent(cell.akida_potentials_equal, 4)} of potentials `
        + `and ${percent(cell.akida_decisions_equal, 4)} of decisions are equal`]);
      entries.push(["Test values outside the range of train; of the program", `${cell.akida_beyond_train}; ${cell.akida_beyond_program}`]);
    }
    return entries.length ? [make("h4", {}, "Verdicts"), facts(entries)] : [];
  }

  function mapping(artifact) {
    const conversion = cards.conversions[artifact];
    if (!conversion || !conversion.devices) return [];
    const devices = Object.entries(conversion.devices).map(([name, device]) => [name,
      device.hardware ? "all in hardware" : device.reason, device.processors ?? "",
      device.program_bytes === undefined ? "" : kib(device.program_bytes)]);
    const mapped = conversion.devices[conversion.device]?.layers ?? [];
    const layers = mapped.map((layer) => [layer.name, textOf(layer.processors), integer(layer.input_bytes), integer(layer.weight_bytes)]);
    return [make("h4", {}, "Mapping"),
      devices.length ? tableOf(["device", "fits", "processors", "program"], devices, "Virtual devices") : null,
      layers.length ? tableOf(["layer", "processors", "input [B]", "weights [B]"], layers, `Layers on ${conversion.device}`) : null];
  }

  function show(address) {
    const cell = cards.cells[address];
    const holder = document.getElementById("card");
    if (!cell) {
      holder.replaceChildren(make("p", {}, "This study has no such cell."));
      return;
    }
    const artifact = `${cell.model}/${cell.variant}/${cell.scheme}`;
    const title = make("h3", { tabindex: "-1" }, `${cell.model}, ${cell.variant}, ${cell.scheme}, ${cell.runtime}`);
    const limits = cell.limits.map((name) => make("li", {}, cards.limits[name]));
    holder.replaceChildren(make("article", { class: "card" }, title, ...measured(cell),
      ...(limits.length ? [make("h4", {}, "Limitations"), make("ul", {}, ...limits)] : []),
      ...verdicts(cell, artifact), ...mapping(artifact), ...confusions(cell), ...groupsOf(cell),
      make("h4", {}, "Files"), filesOf(cards.files[artifact], "Paths below the results folder") ?? "none",
      ...lineage(cell), ...dataOf(cell)));
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  }

  function follow() {
    if (location.hash.startsWith("#cell/")) show(addressOf(location.hash));
  }

  function startCards() {
    const addresses = Object.keys(cards.cells);
    const select = make("select", {}, make("option", { value: "" }, "none"),
      ...addresses.map((name) => make("option", {}, name)));
    select.addEventListener("change", () => { if (select.value) location.hash = hashOf(select.value); });
    document.getElementById("card").before(make("label", { class: "choose" }, "Choose a cell: ", select));
    addEventListener("hashchange", follow);
    follow();
  }

  all("table.sortable").forEach(makeSortable);
  startFilters();
  startCharts();
  startCards();
  document.documentElement.dataset.ready = "yes";
})();
