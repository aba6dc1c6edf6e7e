package e2e

import "testing"

// dropFile lets go of a file over the page, as a person's mouse would.
const dropFile = `(() => {
	const files = new DataTransfer();
	files.items.add(new File(['dropped'], 'dropped.txt', {type: 'text/plain'}));
	for (const type of ['dragenter', 'dragover', 'drop']) {
		document.body.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: files}));
	}
	return true;
})()`

func TestDroppedFileIsUploaded(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := openPage(t)
	p.open(s.url + "/")
	p.until(`document.querySelector('#connection')?.dataset.state === 'on'`)
	eval[bool](p, dropFile)
	p.until(`document.querySelector('[data-upload][data-state=ready]') !== null`)
	p.click("#upload-all")
	p.until(`document.querySelector('#rows tr[data-key="dropped.txt"]') !== null`)
}
