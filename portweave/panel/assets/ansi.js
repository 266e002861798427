// Convert lines with colours (ECMA-48, SGR) to elements.

const STEPS = [0, 95, 135, 175, 215, 255];

function indexed(number) {
  if (number < 16) return { name: `a${number}` };
  if (number >= 232) {
    const grey = 8 + (number - 232) * 10;
    return { rgb: `rgb(${grey},${grey},${grey})` };
  }
  const at = number - 16;
  const [r, g, b] = [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((i) => STEPS[i]);
  return { rgb: `rgb(${r},${g},${b})` };
}

function apply(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) for (const key of Object.keys(style)) delete style[key];
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 22) style.bold = style.dim = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.underline = false;
    else if (code >= 30 && code <= 37) style.colour = { name: `a${code - 30}` };
    else if (code >= 90 && code <= 97) style.colour = { name: `a${code - 82}` };
    else if (code === 39) style.colour = null;
    else if (code === 38 || code === 48) {
      let found = null;
      if (codes[i + 1] === 5) {
        found = indexed(codes[i + 2] & 255);
        i += 2;
      } else if (codes[i + 1] === 2) {
        found = { rgb: `rgb(${codes[i + 2] & 255},${codes[i + 3] & 255},${codes[i + 4] & 255})` };
        i += 4;
      }
      // Backgrounds would not be readable in both colour schemes.
      if (code === 38) style.colour = found;
    }
  }
}

function piece(text, style) {
  const { colour, bold, dim, italic, underline } = style;
  if (!(colour || bold || dim || italic || underline)) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  const names = [bold && "b", dim && "d", italic && "i", underline && "u", colour && colour.name];
  span.className = names.filter(Boolean).join(" ");
  if (colour && colour.rgb) span.style.color = colour.rgb;
  return span;
}

/** Add a line with escape sequences to an element. */
export function write(element, text) {
  const style = {};
  let at = 0;
  for (const match of text.matchAll(/\x1b\[([0-9;:]*)m/g)) {
    if (match.index > at) element.append(piece(text.slice(at, match.index), style));
    apply(style, match[1] === "" ? [0] : match[1].split(/[;:]/).map(Number));
    at = match.index + match[0].length;
  }
  if (at < text.length) element.append(piece(text.slice(at), style));
}

/** Highlight each occurrence of a text in an element, ignoring case. */
export function mark(element, sought) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) nodes.push(walker.currentNode);
  for (const node of nodes) {
    let rest = node;
    for (;;) {
      const at = rest.data.toLowerCase().indexOf(sought.toLowerCase());
      if (at < 0) break;
      const found = rest.splitText(at);
      rest = found.splitText(sought.length);
      const highlight = document.createElement("mark");
      found.replaceWith(highlight);
      highlight.append(found);
    }
  }
}
