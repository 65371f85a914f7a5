() => { if (window.afinaLabelKeys) return; window.afinaLabelKeys = true;
// Keys choose only while nothing else could mean them: the focus is nowhere, on a button or on the choice itself.
const elsewhere = element => {
  if (!element || element === document.body || element === document.documentElement) return false;
  if (element.closest('#label-choice')) return false;
  return !element.closest('button, a, summary') || Boolean(element.closest(
    'table, [role=grid], [role=dialog], dialog, [contenteditable=true], .table-wrap, #label-ratings'));
};
const typedIn = key => setTimeout(() => {  // Gradio's table opens its field with the first key, and loses it
  const field = document.activeElement;
  if (field?.tagName !== 'TEXTAREA' || !field.closest('#label-ratings') || field.value) return;
  field.value = key;
  field.dispatchEvent(new Event('input', {bubbles: true}));
}, 50);
document.addEventListener('keydown', event => {
  const cell = event.target.closest?.('#label-ratings [role=gridcell]');
  if (cell && event.target.tagName !== 'TEXTAREA' && /^[0-9]$/.test(event.key)) typedIn(event.key);
  const place = {1: 0, 2: 1, 0: 2, 9: 3}[event.key];
  if (place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.repeat || event.isComposing) return;
  if (event.defaultPrevented || elsewhere(event.composedPath()[0]) || elsewhere(document.activeElement)) return;
  if (document.querySelector('dialog[open], [role=dialog]:not([hidden])')?.offsetParent) return;
  if (document.querySelector('#label-ratings [class*=cell-selected], #label-ratings [class*=editing]')) return;
  const radios = document.querySelectorAll('#label-choice input[type=radio]');
  if (radios.length && radios[place].offsetParent !== null) radios[place].click();
}); }
