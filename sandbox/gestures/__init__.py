"""What people do in a workspace, one file for each kind: saying, commanding, pressing, and filling in modals."""
