// Airflow's choice of light or dark, taken over before the first paint; alone, the system's.
(() => {
  const root = document.documentElement;
  let shell = null;
  try {
    if (window.parent !== window) shell = window.parent.document.documentElement;
  } catch { /* framed by another origin: the headers forbid it, the system's choice is right */ }
  if (!shell) return;
  const follow = () => {
    const dark = shell.classList.contains("dark");
    if (dark || shell.classList.contains("light")) root.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  new MutationObserver(follow).observe(shell, { attributes: true, attributeFilter: ["class"] });
})();
