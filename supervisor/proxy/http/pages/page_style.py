"""Pure. Style and script of the proxy's pages, with the policy that allows only these.

The colours are those of the panel.
"""

from base64 import b64encode
from hashlib import sha256

STYLE = """
:root{color-scheme:light dark;
--bg:light-dark(#f6f7f9,#0e1217);--card:light-dark(#fff,#161b22);
--ink:light-dark(#1b232c,#e4e9ee);--muted:light-dark(#5b6673,#9aa7b4);
--line:light-dark(#e1e5ea,#272f38);--soft:light-dark(#eef1f4,#1f2730);
--accent:light-dark(#0f766e,#2dd4bf);
--good:light-dark(#15703c,#6ee7a0);--good-bg:light-dark(#e2f5e9,#12301f);
--warn:light-dark(#8a5200,#fbc968);--warn-bg:light-dark(#fdf0d8,#36290f);
--bad:light-dark(#b3261e,#ff9d94);--bad-bg:light-dark(#fde9e7,#371a19);
--busy:light-dark(#1d5fb4,#8fc0ff);--busy-bg:light-dark(#e4eefb,#152b48);
--idle-bg:light-dark(#e9edf1,#252e38);
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--ink);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:720px;margin:0 auto;padding:10vh 24px 64px}
main.wide{max-width:960px;padding-top:32px}
h1,h2,p,ul,dl,dd,pre{margin:0;padding:0}
h1{font-size:22px;line-height:1.3;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:13px;font-weight:600;margin-bottom:6px;overflow-wrap:anywhere}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline;text-underline-offset:2px}
code,pre{font:13px/1.5 var(--mono)}
.head{margin-bottom:20px}
.head p{margin-top:6px;overflow-wrap:anywhere}
.muted{color:var(--muted)}
.pill{display:inline-block;margin-bottom:10px;padding:1px 10px;border-radius:99px;font-size:13px;
background:var(--idle-bg);font-variant-numeric:tabular-nums}
.pill::before{content:"";display:inline-block;width:8px;height:8px;margin-right:7px;
border-radius:50%;background:currentColor}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.busy{color:var(--busy)}
.idle{color:var(--muted)}
.pill.good{background:var(--good-bg)}.pill.warn{background:var(--warn-bg)}
.pill.bad{background:var(--bad-bg)}.pill.busy{background:var(--busy-bg)}
section{margin-top:12px;padding:14px 16px;background:var(--card);border:1px solid var(--line);
border-radius:10px}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
.command{display:flex;flex-wrap:wrap;align-items:center;gap:2px 8px}
.command+.command{margin-top:10px}
.command span{flex-basis:100%;color:var(--muted);font-size:13px}
.command code{flex:1;min-width:0;padding:5px 10px;border-radius:6px;background:var(--soft);
overflow-wrap:anywhere;-webkit-user-select:all;user-select:all}
button{font:inherit;font-size:13px;color:inherit;min-width:70px;min-height:30px;padding:3px 10px;
border:1px solid var(--line);border-radius:6px;background:var(--card);cursor:pointer}
button:hover{background:var(--soft)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
dl{display:grid;grid-template-columns:auto minmax(0,1fr);gap:4px 16px}
dt{color:var(--muted)}
dd{overflow-wrap:anywhere}
ul{list-style:none}
li{display:grid;grid-template-columns:minmax(0,1fr) auto 6ch;gap:2px 16px;align-items:baseline;
padding:5px 0}
li+li{border-top:1px solid var(--line)}
li a{font-weight:600;overflow-wrap:anywhere}
li .number{text-align:right;color:var(--muted);font-variant-numeric:tabular-nums}
.plain li{display:block}
.about{display:flex;flex-wrap:wrap;gap:0 14px;margin:-4px 0 6px;color:var(--muted);font-size:13px;
overflow-wrap:anywhere}
.about span{min-width:0;overflow-wrap:anywhere}
footer{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:20px;color:var(--muted);font-size:13px}
footer .status{margin-left:auto}
@media (max-width:520px){main{padding:24px 12px 40px}main.wide{padding-top:20px}
li{grid-template-columns:minmax(0,1fr) auto}li a{grid-column:1/-1}
li .number{grid-row:2;grid-column:2}}
"""
# The time goes on while the browser waits for the next page. Browsers give the clipboard to pages
# of `localhost` and names below it; where they do not, the click only selects the command.
SCRIPT = """
const began=Date.now(),units=[["d",86400],["h",3600],["min",60],["s",1]];
setInterval(()=>{
for(const t of document.querySelectorAll("[data-s]")){
const s=+t.dataset.s+Math.floor((Date.now()-began)/1000),u=units.find(u=>s>=u[1])||units[3];
t.textContent=Math.floor(s/u[1])+" "+u[0]}
},1000);
for(const b of document.querySelectorAll("button"))b.hidden=false;
addEventListener("click",async({target:b})=>{
if(b.tagName!=="BUTTON")return;
const c=b.previousElementSibling;
getSelection().selectAllChildren(c);
try{await navigator.clipboard.writeText(c.textContent)}
catch{if(!document.execCommand("copy"))return}
b.textContent="Copied";
setTimeout(()=>{b.textContent="Copy"},2000)
});
"""
_ICON_COLOURS = {"good": "15703c", "busy": "1d5fb4", "warn": "b97309", "bad": "b3261e"}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%23{colour}'/%3E"
    "%3Cpath d='M6 11h20M6 21h20M11 6v20M21 6v20' stroke='%23fff' stroke-width='2.5'"
    " stroke-linecap='round' fill='none'/%3E%3C/svg%3E"
)


def icon(tone: str) -> str:
    """The panel's icon in the colour of a state, as a URL."""
    return _ICON.format(colour=_ICON_COLOURS.get(tone, "0f766e"))


def policy(*, has_script: bool) -> str:
    """The Content-Security-Policy of a page.

    The page loads nothing. Style and script are allowed by their hashes, so nothing else can run.

    Args:
        has_script: Whether the page has the script.
    """
    script = f" script-src 'sha256-{_digest(SCRIPT)}';" if has_script else ""
    return (
        f"default-src 'none'; style-src 'sha256-{_digest(STYLE)}';{script} img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
