// Keeps the page of a broadcast up to date while it is under way, by fetching it again.
// Without scripts the page says the same when it is loaded again.

const EVERY_MS = 2000;
// What changes; all else on the page stays, focus and selection with it.
const PARTS = ["#broadcast-progress", "#broadcast-last", "#broadcast-ended"];

const going = () => document.querySelector("#broadcast-progress")?.dataset.going === "yes";

async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) return; // signed out, or the server is away
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const selector of PARTS) {
    const [before, after] = [document.querySelector(selector), fresh.querySelector(selector)];
    if (before && after) update(before, after);
  }
}

// Only what differs: a button that has the focus keeps it, and a state is read out once.
function update(before, after) {
  if (before.isEqualNode(after)) return;
  for (const { name, value } of after.attributes) before.setAttribute(name, value);
  const alike =
    before.children.length === after.children.length &&
    [...before.children].every((child, n) => child.tagName === after.children[n].tagName);
  if (alike && before.children.length > 0) {
    [...before.children].forEach((child, n) => update(child, after.children[n]));
  } else {
    before.replaceChildren(...after.cloneNode(true).childNodes);
  }
}

async function watch() {
  while (going()) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    if (!document.hidden) await refresh().catch(() => {}); // offline: the next one may get through
  }
}

watch();
