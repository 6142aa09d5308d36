[kimchi-peers]
title=kimchi-peers
description=Hosts of one network find each other
ports=8000/udp
