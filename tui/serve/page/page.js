// The page: asks for a picture with the token behind the # of its address, and draws lines of text. It opens nothing.
"use strict";

const LEVELS = "▁▂▃▄▅▆▇█";
const NAMED = new Set(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Enter", "Escape", "Tab", "Backspace",
  "Delete", "PageUp", "PageDown", "Home", "End"]);
const AGAIN = 2; // seconds until the next try
const SILENT = 4; // seconds without a word, after which a picture is called old
const GIVEN_UP = 20; // and after which another connection is tried

const screen_ = document.getElementById("screen");
const words = document.getElementById("words");
let socket = null;
let ended = false;
let heard = 0; // when the last word came

// The token leaves the address at once; it stays with this tab, for a reload.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
}

function cell() {
  const probe = document.createElement("span");
  probe.textContent = "0".repeat(100);
  const line = document.createElement("div");
  line.append(probe);
  screen_.append(line);
  const box = probe.getBoundingClientRect();
  line.remove();
  return [box.width / 100, box.height];
}

function size() {
  const [wide, high] = cell();
  return [Math.floor(innerWidth / wide), Math.floor(innerHeight / high)];
}

function say(message) {
  if (socket !== null && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// Blocks are painted as grounds, so that they meet whatever the font makes of them.
function paint(span, text, ink) {
  const level = LEVELS.indexOf(text[0]) + 1;
  if (text[0] === "▀") span.style.background = `linear-gradient(to bottom, ${ink} 50%, transparent 50%)`;
  else if (level === 8) span.style.background = ink;
  else span.style.background = `linear-gradient(to top, ${ink} ${level * 12.5}%, transparent ${level * 12.5}%)`;
  span.style.color = "transparent";
}

function piece([text, ink, ground, looks], wide) {
  const span = document.createElement("span");
  span.textContent = text;
  if (ink) span.style.color = ink;
  if (ground) span.style.backgroundColor = ground;
  if (looks & 1) span.style.fontWeight = "bold";
  if (looks & 2) span.style.opacity = "0.7";
  if (looks & 4) span.style.fontStyle = "italic";
  if (looks & 8) span.style.textDecoration = "underline";
  if (text[0] > "~") span.style.width = `${wide}ch`;
  if (text[0] === "▀" || LEVELS.includes(text[0])) {
    const box = document.createElement("span");
    box.style.width = `${wide}ch`;
    if (ground) box.style.backgroundColor = ground;
    paint(span, text, ink || "#c8d0e8");
    box.append(span);
    return box;
  }
  return span;
}

function draw(said) {
  if (said.size) screen_.replaceChildren(...Array.from({ length: said.size[1] }, () => document.createElement("div")));
  for (const [number, line] of Object.entries(said.lines)) {
    const row = screen_.children[number];
    if (row) row.replaceChildren(...line.map((one) => piece(one, one[4])));
  }
  words.textContent = "";
  screen_.style.opacity = "";
}

function old(why) {
  words.textContent = why;
  screen_.style.opacity = "0.4";
}

function open() {
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`);
  let told = "";
  let again = AGAIN;
  socket = mine;
  ended = false;
  heard = performance.now();
  mine.onopen = () => {
    say({ token: sessionStorage.getItem("token") || "" });
    say({ size: size() });
  };
  mine.onmessage = (event) => {
    if (mine !== socket) return;
    const said = JSON.parse(event.data);
    heard = performance.now();
    if (said.lines) {
      draw(said);
      say({ seen: true });
    }
    if (said.words) {
      told = said.words;
      again = said.again || 0;
    }
  };
  mine.onclose = () => {
    if (mine !== socket) return;
    socket = null;
    old(told || "NOT LIVE: the connection is lost; what is shown is old. Trying again");
    ended = again === 0;
    if (!ended) setTimeout(open, again * 1000);
  };
}

// A connection may be dead and nobody says so: after a sleep, behind a tunnel. The program beats once a second.
function watch() {
  const silence = (performance.now() - heard) / 1000;
  if (socket === null || silence < SILENT) return;
  const shown = screen_.children.length > 0;
  old(shown ? `NOT LIVE: nothing has come for ${Math.floor(silence)} s; what is shown is old` : "the view is being opened");
  if (silence < GIVEN_UP) return;
  const dead = socket;
  socket = null; // its end is waited for by nobody
  dead.close();
  open();
}

setInterval(watch, 500);
document.addEventListener("visibilitychange", watch);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (ended) {
    open();
  } else if (NAMED.has(event.key) || Array.from(event.key).length === 1) {
    say({ key: event.key });
    event.preventDefault();
  }
});

let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => say({ size: size() }), 100);
});

open();
