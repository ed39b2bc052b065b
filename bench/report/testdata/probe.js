// Runs in a copy of report.html in a test's browser and puts what is wrong with the page
// on the console, a line each; errors of the page come there by themselves.
window.onload = () => {
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    console.error(`the page is ${root.scrollWidth} px wide, wider than its window of ${root.clientWidth} px`);
  }
  for (const plot of document.querySelectorAll("svg")) {
    inspect(plot);
  }
  console.log("the probe has run");
};

// inspect finds labels that lie on each other or leave the plot.
function inspect(plot) {
  const name = plot.getAttribute("aria-label");
  const frame = plot.getBoundingClientRect();
  const labels = [...plot.querySelectorAll("text")].map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }));
  labels.forEach(({ text, box }, i) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
      console.error(`a label is outside its plot: ${text} (${name})`);
    }
    for (const other of labels.slice(i + 1)) {
      if (overlap(box, other.box)) {
        console.error(`labels overlap: ${text} and ${other.text} (${name})`);
      }
    }
  });
}

// overlap leaves out the blank line space above and below the letters.
function overlap(a, b) {
  const slack = 0.15 * Math.min(a.height, b.height);
  return a.left < b.right - 1 && b.left < a.right - 1 && a.top + slack < b.bottom - slack && b.top + slack < a.bottom - slack;
}
