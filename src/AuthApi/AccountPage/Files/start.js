// Starts the page. A browser may have kept the page of an earlier version, whose other files are gone: then it is loaded again, once.
try {
  await import('./main.js');
} catch (error) {
  if (performance.getEntriesByType('navigation')[0].type === 'reload') {
    console.error(error);
    document.querySelector('main').textContent = 'This page could not be loaded. Load it again in a moment.';
  } else {
    location.reload();
  }
}
