(function (maxMb, told) {
  // Refuses a file that is too large before a byte is sent, with a remedy; Gradio would say its size in English.
  function refuse(event) {
    var from = event.type === 'drop' ? event.dataTransfer : event.target;
    var large = Array.prototype.find.call((from && from.files) || [], function (file) { return file.size > maxMb * 1048576; });
    if (!large) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (event.type === 'change') event.target.value = '';
    var words = { name: large.name, mb: Math.ceil(large.size / 1048576), max_mb: maxMb };
    var note = document.createElement('div');
    note.className = 'afina-note';
    note.setAttribute('role', 'alert');
    note.textContent = told.replace(/\{(\w+)\}/g, function (_, name) { return words[name]; });
    note.onclick = function () { note.remove(); };
    document.body.appendChild(note);
    setTimeout(note.onclick, 15000);
  }
  addEventListener('change', refuse, true);
  addEventListener('drop', refuse, true);
})
