"""One file a page. A module here offers `PAGE` (what it is called, which question it answers) and `render(view)`."""
