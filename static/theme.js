// Sets the colours a visitor chose before anything is painted, and the toggle that chooses them.
(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  const read = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  const kept = read();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  addEventListener("click", (event) => {
    if (!event.target.closest?.(".theme-toggle")) return;
    const now = root.dataset.theme ??
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // A browser that keeps nothing keeps the choice for this page.
    }
  });
})();
