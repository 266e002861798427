// Set the chosen theme before the page is drawn. It runs as a classic script for that reason.
try {
  const chosen = localStorage.getItem("portweave.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the page follows the system.
}
