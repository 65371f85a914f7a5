(function (maxMb, large, kind) {
  // Refuses a file that is too large or of another kind before a byte is sent, with a remedy and in the page's
  // language; Gradio would say so in English.
  function refuse(event) {
    var dropped = event.type === 'drop';
    var from = dropped ? event.dataTransfer : event.target;
    var box = dropped && event.target.closest ? event.target.closest('.block') : null;
    var field = dropped ? box && box.querySelector('input[type=file]') : event.target;
    if (!field || field.type !== 'file') return;
    var taken = (field.accept || '').split(',').map(function (each) { return each.trim().toLowerCase(); }).filter(Boolean);
    var files = Array.prototype.slice.call((from && from.files) || []);
    var told = '';
    files.forEach(function (file) {
      var name = file.name.toLowerCase();
      var fits = !taken.length || taken.some(function (each) { return each[0] !== '.' || name.endsWith(each); });
      var words = { name: file.name, mb: Math.ceil(file.size / 1048576), max_mb: maxMb, kinds: taken.join(' ') };
      var text = !fits ? kind : file.size > maxMb * 1048576 ? large : '';
      if (text) told = text.replace(/\{(\w+)\}/g, function (_, slot) { return words[slot]; });
    });
    if (!told) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!dropped) field.value = '';
    var before = document.querySelector('.afina-note');
    if (before) before.remove();
    var note = document.createElement('div');
    note.className = 'afina-note';
    note.setAttribute('role', 'alert');
    note.textContent = told;
    note.onclick = function () { note.remove(); };
    document.body.appendChild(note);
    setTimeout(note.onclick, 15000);
  }
  addEventListener('change', refuse, true);
  addEventListener('drop', refuse, true);
})
