// Every page works without this. With it, what changes is followed, questions are asked in place, and the theme can be chosen.

const root = document.documentElement;
const themes = ['system', 'light', 'dark'];
const chosen = localStorage.getItem('theme');
if (themes.includes(chosen) && chosen !== 'system') root.dataset.theme = chosen;

function offerThemes() {
  const button = document.querySelector('[data-theme-toggle]');
  if (!button) return;
  const show = () => { button.textContent = `Theme: ${root.dataset.theme ?? 'system'}`; };
  button.addEventListener('click', () => {
    const next = themes[(themes.indexOf(root.dataset.theme ?? 'system') + 1) % themes.length];
    if (next === 'system') delete root.dataset.theme;
    else root.dataset.theme = next;
    localStorage.setItem('theme', next);
    show();
  });
  show();
  button.hidden = false;
}

function offerCopies(within) {
  for (const button of within.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector('pre').textContent);
      button.textContent = 'Copied';
    });
  }
}

/** The answer's text; null where the session has ended or the service is away, as a page follows by itself then. */
async function fetchPart(address) {
  const answer = await fetch(address, { credentials: 'same-origin' });
  if (answer.redirected) {
    location.reload();
    return null;
  }
  return answer.ok ? answer.text() : null;
}

/** Puts a part's new text into its place, unless somebody reads or has opened something in it. */
function replace(place, text) {
  const open = [...place.querySelectorAll('details')].map((details) => details.open);
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
  const scrolled = [...place.querySelectorAll('.scroll')].map((part) => part.scrollLeft);
  place.innerHTML = text;
  place.querySelectorAll('details').forEach((details, index) => { details.open = open[index] ?? false; });
  place.querySelectorAll('.scroll').forEach((part, index) => { part.scrollLeft = scrolled[index] ?? 0; });
  if (focused) place.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function followNewest() {
  for (const place of document.querySelectorAll('[data-live]')) {
    setInterval(async () => {
      if (document.hidden || place.contains(document.activeElement)) return;
      try {
        const text = await fetchPart(place.dataset.live);
        if (text !== null) replace(place, text);
      } catch {
        // The service is away for a moment; the next turn asks again.
      }
    }, 3000);
  }
}

function followRun() {
  const place = document.querySelector('[data-run]');
  if (!place?.dataset.run) return;
  const events = new EventSource(place.dataset.run);
  let asking = false;
  let again = false;
  const show = async () => {
    again = asking;
    if (asking) return;
    asking = true;
    try {
      const text = await fetchPart(place.dataset.progress);
      if (text !== null) replace(place, text);
    } catch {
      // The service is away for a moment; the next event, or the page that is loaded when there are no more, shows what was missed.
    } finally {
      asking = false;
      if (again) show();
    }
  };
  events.addEventListener('epoch', show);
  // A browser comes back by itself unless it was refused, by a service that stops or has too many watchers.
  events.addEventListener('error', () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  events.addEventListener('finished', () => {
    events.close();
    const address = new URL(location.href);
    address.searchParams.delete('done');
    location.replace(address);
  });
}

function askInPlace() {
  document.addEventListener('click', async (event) => {
    const link = event.target.closest?.('a[data-dialog]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    if (document.querySelector('dialog')) return;
    const text = await fetchPart(link.href).catch(() => null);
    const page = text === null ? null : new DOMParser().parseFromString(text, 'text/html');
    const content = page?.querySelector('[data-dialog-content]');
    if (!content) {
      location.assign(link.href);
      return;
    }
    if (document.querySelector('dialog')) return;
    const dialog = document.createElement('dialog');
    const heading = document.createElement('h2');
    heading.id = 'question';
    heading.textContent = page.querySelector('h1').textContent;
    dialog.setAttribute('aria-labelledby', heading.id);
    dialog.append(heading, ...content.childNodes);
    dialog.addEventListener('close', () => {
      dialog.remove();
      link.focus();
    });
    dialog.querySelector('[data-close]')?.addEventListener('click', (close) => {
      close.preventDefault();
      dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A secret is shown once: to load the page again must not make another one. */
function keepOnce() {
  const once = document.querySelector('[data-once]');
  if (once) history.replaceState(null, '', once.querySelector('a').href);
}

function closeMenuOutside() {
  const menu = document.querySelector('.menu');
  if (!menu) return;
  document.addEventListener('click', (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      menu.open = false;
      menu.querySelector('summary').focus();
    }
  });
}

/** Words of a deed stay with the page that follows it, and not with its address. */
function forgetDeed() {
  const address = new URL(location.href);
  if (address.searchParams.has('done')) {
    address.searchParams.delete('done');
    history.replaceState(null, '', address);
  }
}

function begin() {
  offerThemes();
  offerCopies(document);
  followNewest();
  followRun();
  askInPlace();
  keepOnce();
  closeMenuOutside();
  forgetDeed();
}

if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', begin);
else begin();
