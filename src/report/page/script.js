// Pages through the rows that the page brings along, and filters them. Text only ever becomes text: nothing here makes
// markup out of a string.
"use strict";
(() => {
  const PAGE = 100;
  const UNREASONED = "not tried";
  const $ = id => document.getElementById(id);
  const rows = JSON.parse($("rows").textContent);
  const form = $("filters");

  // Columns in the order of rows.rs.
  const documents = rows.documents.map(([id, path, state, total, mirrored, skipped, missing, pictures, link]) =>
    ({ id, path, state, total, mirrored, skipped, missing, pictures, link, lower: path.toLowerCase() }));
  const missing = rows.missing.map(([id, host, path, kind, detail, times, wanted]) =>
    ({ id, host, path, state: "missing", kind: kind || UNREASONED, detail, times, wanted }));
  const held = rows.held.map(([id, host, path, file, bytes, size]) =>
    ({ id, host, path, state: "held", file, bytes, size }));
  const pictures = missing.concat(held);
  const place = new Map(pictures.map((picture, at) => [picture.id, at]));
  for (const [id, file, since] of rows.changed) {
    const picture = pictures[place.get(id)];
    if (picture) Object.assign(picture, { state: "changed", now: file, since });
  }
  for (const picture of pictures) {
    picture.lower = [rows.hosts[picture.host], picture.path, " ", picture.kind, " ", picture.detail].join("").toLowerCase();
  }
  const STATES = ["whole", "pictures missing", "not written yet", "not collected yet"];

  // Which documents show a picture: for the picture at place p, those in users[starts[p]] up to users[starts[p + 1]].
  const starts = new Uint32Array(pictures.length + 1);
  const users = (() => {
    const each = act => documents.forEach((document, at) => document.pictures.forEach(id => {
      const picture = place.get(id);
      if (picture !== undefined) act(picture, at);
    }));
    each(picture => starts[picture + 1]++);
    for (let p = 0; p < pictures.length; p++) starts[p + 1] += starts[p];
    const next = starts.slice();
    const users = new Uint32Array(starts[pictures.length]);
    each((picture, at) => { users[next[picture]++] = at; });
    return users;
  })();

  const number = n => n.toLocaleString("en");
  const day = millis => new Date(millis).toISOString().slice(0, 10);
  const bytes = n => n < 1024 ? n + " B" : n < 1048576 ? (n / 1024).toFixed(1) + " KiB" : (n / 1048576).toFixed(1) + " MiB";

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };
  const bdi = text => element("bdi", "", text);
  const url = file => {
    const [digest, extension] = file.split(".");
    const raw = atob(digest.replace(/-/g, "+").replace(/_/g, "/"));
    const hex = Array.from(raw, c => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
    return rows.assets + hex.slice(0, 2) + "/" + hex + "." + extension;
  };

  // A drawing is shown as a picture and never opened: opened, its scripts would run.
  const thumbnail = (file, alt) => {
    const image = element("img", "");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = alt;
    image.src = url(file);
    if (file.endsWith(".svg")) return image;
    const link = element("a", "", image);
    link.href = url(file);
    return link;
  };
  const documentLink = ({ path, link }) => {
    const href = link ?? "documents/" + path.split("/").map(encodeURIComponent).join("/");
    if (!href) return bdi(path);
    const made = element("a", "", bdi(path));
    made.href = href;
    return made;
  };
  const button = (text, act) => {
    const made = element("button", "plain", text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };

  const usersOf = at => {
    const list = element("ul", "documents");
    const all = users.subarray(starts[at], starts[at + 1]);
    all.subarray(0, 3).forEach(user => list.append(element("li", "", documentLink(documents[user]))));
    const count = Math.max(all.length, pictures[at].wanted || 0);
    const shown = Math.min(all.length, 3);
    if (count > shown) list.append(element("li", "quiet", (shown ? "and " : "in ") + number(count - shown) + (shown ? " more" : " documents")));
    return list;
  };
  const stateOf = picture => {
    const cell = element("td", "");
    cell.append(element("span", "state " + (picture.state === "missing" ? "bad" : "good"), picture.state));
    const say = text => cell.append(element("span", "detail", bdi(text)));
    if (picture.state === "missing") {
      say(picture.detail ? picture.kind + ": " + picture.detail : picture.kind);
      if (picture.times) {
        const [since, next, runs] = picture.times;
        say("since " + day(since) + ", " + number(runs) + (runs === 1 ? " run" : " runs"));
        say(next > Date.now() ? "rests until " + day(next) : "next try with the next run");
      }
    } else {
      say((picture.size ? picture.size.join(" × ") + ", " : "") + bytes(picture.bytes));
      if (picture.state === "changed") say("other bytes on the server since " + day(picture.since) + "; kept as it was");
    }
    return cell;
  };
  const head = cell => { cell.scope = "row"; return cell; };

  const VIEWS = {
    pictures: {
      rows: pictures,
      columns: ["Picture", "Address", "State", "Documents"],
      states: [["missing", "missing"], ["changed", "changed on the server"], ["held", "held"]],
      row(picture, at) {
        const shown = element("td", "thumbnail");
        if (picture.file) shown.append(thumbnail(picture.file, picture.path.split("/").pop() || "picture"));
        if (picture.now) shown.append(thumbnail(picture.now, "as the server sends it now"));
        const address = head(element("th", "", bdi(rows.hosts[picture.host] + picture.path)));
        return element("tr", "", shown, address, stateOf(picture), element("td", "", usersOf(at)));
      },
    },
    documents: {
      rows: documents,
      columns: ["Document", "State", "References", "Mirrored", "Skipped", "Missing", "Pictures"],
      states: STATES.map((name, state) => [String(state), name]),
      row(document) {
        const { path, state, total, mirrored, skipped, missing, pictures } = document;
        const cells = [total, mirrored, skipped, missing].map(n => element("td", "number", number(n)));
        const shown = element("td", "");
        if (pictures.length) shown.append(button(number(pictures.length) + (pictures.length === 1 ? " picture" : " pictures"), () => {
          go({ view: "pictures", document: path });
        }));
        return element("tr", "", head(element("th", "", documentLink(document))),
          element("td", "state " + (state ? "bad" : "good"), STATES[state]), ...cells, shown);
      },
    },
  };

  let view, found, page;

  // Marks for every picture or document that the one in the other list has.
  const marked = (length, test) => {
    const marks = new Uint8Array(length);
    test(marks);
    return marks;
  };
  const filter = () => {
    const value = name => form.elements[name].value.trim().toLowerCase();
    const [state, host, named, text] = ["state", "host", "document", "text"].map(value);
    const hosts = rows.hosts.map(name => name.toLowerCase().includes(host));
    const isNamed = document => document.lower.includes(named);
    let belongs = () => true;
    if (view === VIEWS.pictures) {
      const marks = named && marked(pictures.length, marks => documents.filter(isNamed).forEach(document =>
        document.pictures.forEach(id => { if (place.has(id)) marks[place.get(id)] = 1; })));
      belongs = (picture, at) => (!host || hosts[picture.host]) && (!named || marks[at]);
    } else {
      const marks = host && marked(documents.length, marks => pictures.forEach((picture, at) => {
        if (hosts[picture.host]) users.subarray(starts[at], starts[at + 1]).forEach(user => { marks[user] = 1; });
      }));
      belongs = (document, at) => (!host || marks[at]) && (!named || isNamed(document));
    }
    found = [];
    view.rows.forEach((row, at) => {
      if ((!state || String(row.state) === state) && (!text || row.lower.includes(text)) && belongs(row, at)) found.push(at);
    });
    page = 0;
    show();
  };
  const show = () => {
    const from = page * PAGE;
    const to = Math.min(from + PAGE, found.length);
    const body = document.createDocumentFragment();
    for (const at of found.slice(from, to)) body.append(view.row(view.rows[at], at));
    $("table").tBodies[0].replaceChildren(body);
    const total = rows.totals[view === VIEWS.documents ? 0 : 1];
    const cut = total > view.rows.length ? "; the mirror has " + number(total) + " in all" : "";
    const what = view === VIEWS.documents ? " documents" : " pictures";
    $("count").textContent = number(found.length) + " of " + number(view.rows.length) + what + cut;
    $("place").textContent = found.length ? number(from + 1) + "–" + number(to) : "";
    $("previous").disabled = page === 0;
    $("next-page").disabled = to >= found.length;
  };
  const choose = name => {
    view = VIEWS[name];
    const option = ([value, text]) => { const made = element("option", "", text); made.value = value; return made; };
    form.elements.state.replaceChildren(option(["", "any"]), ...view.states.map(option));
    $("table").tHead.rows[0].replaceChildren(...view.columns.map((text, at) => {
      const cell = element("th", name === "documents" && at > 1 && at < 6 ? "number" : "", text);
      cell.scope = "col";
      return cell;
    }));
  };
  // Shows what these values of the filters leave; those that are not named are cleared.
  const go = values => {
    form.reset();
    for (const [name, value] of Object.entries(values)) if (name !== "state") form.elements[name].value = value;
    choose(form.elements.view.value);
    form.elements.state.value = values.state || "";
    filter();
    $("browse").scrollIntoView();
  };
  const turn = by => { page += by; show(); $("browse").scrollIntoView(); };

  let waiting;
  form.addEventListener("input", event => {
    if (event.target.name === "view") choose(event.target.value);
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  form.addEventListener("submit", event => event.preventDefault());
  $("clear").addEventListener("click", () => go({ view: form.elements.view.value }));
  $("previous").addEventListener("click", () => turn(-1));
  $("next-page").addEventListener("click", () => turn(1));
  for (const link of document.querySelectorAll("a[data-host]")) {
    link.addEventListener("click", event => {
      event.preventDefault();
      go({ view: "pictures", state: "missing", host: link.dataset.host });
    });
  }
  for (const name of rows.hosts.slice(0, 500)) {
    const option = element("option", "");
    option.value = name;
    $("hosts").append(option);
  }
  $("browser").hidden = false;
  choose("pictures");
  filter();
})();
